"""The facts of GS1's application identifiers, transcribed for the reading oracle.

Source: GS1 Barcode Syntax Dictionary, release 2026-01-27 (GS1 AISBL), and the code lists that
its checks name: ISO 3166-1 (numeric and alpha-2), ISO 4217 (numeric), UN/ECE Recommendation 21
(package types). Facts only; the notation is this file's own. Nothing here is computed.

`AIS`, one row a line, six columns:

1. the AI, or a range of AIs that share the row;
2. `fixed`: predefined length, no separator needed after it; `attribute`: may stand in the query of
   a Digital Link;
3. components in order: `?` if optional, then the character set (`N` digits, `X` CSET 82, `Y` CSET
   39, `Z` base64url), then the length (`6`, or `1-20` for one to twenty), then `:` and its checks;
4. what must stand beside it: alternatives after `,`, all of a group after `+`, several demands
   after ` & `; `n` is any digit;
5. what must not stand beside it;
6. if it is a primary key of a Digital Link: its qualifiers in order, alternatives after `|`,
   `-` for none.
"""

AIS = """
00 | fixed attribute | N18:csum+gcppos2 |  |  | -
01 | fixed attribute | N14:csum+gcppos2 |  | 255,37 | 22,10,21|235
02 | fixed attribute | N14:csum+gcppos2 | 37 | 01,03 |
03 | fixed  | N14:csum+gcppos2 |  | 01,02,37 |
10 | attribute | X1-20 | 01,02,03,8006,8026 |  |
11 | fixed attribute | N6:yymmd0 | 01,02,03,8006,8026 |  |
12 | fixed attribute | N6:yymmd0 | 8020 |  |
13 | fixed attribute | N6:yymmd0 | 01,02,03,8006,8026 |  |
15 | fixed attribute | N6:yymmd0 | 01,02,03,8006,8026 |  |
16 | fixed attribute | N6:yymmd0 | 01,02,03,8006,8026 |  |
17 | fixed attribute | N6:yymmd0 | 01,02,03,255,8006,8026 |  |
20 | fixed attribute | N2 | 01,02,8006,8026 |  |
21 |  | X1-20 | 01,03,8006 | 235 |
22 |  | X1-20 | 01 |  |
235 |  | X1-28 | 01 |  |
240 | attribute | X1-30 | 01,02,8006,8026 |  |
241 | attribute | X1-30 | 01,02,8006,8026 |  |
242 | attribute | N1-6 | 01,02,8006,8026 |  |
243 | attribute | X1-20 | 01 |  |
250 | attribute | X1-30 | 01,8006 & 21 |  |
251 | attribute | X1-30 | 01,8006 |  |
253 | attribute | N13:csum+gcppos1 ?X1-17 |  |  | -
254 |  | X1-20 | 414 |  |
255 | attribute | N13:csum+gcppos1 ?N1-12 |  | 01,02,415,8006,8020,8026 | -
30 | attribute | N1-8 | 01,02 |  |
3100-3105 | fixed attribute | N6 | 01,02 | 310n |
3110-3115 | fixed attribute | N6 | 01,02 | 311n |
3120-3125 | fixed attribute | N6 | 01,02 | 312n |
3130-3135 | fixed attribute | N6 | 01,02 | 313n |
3140-3145 | fixed attribute | N6 | 01,02 | 314n |
3150-3155 | fixed attribute | N6 | 01,02 | 315n |
3160-3165 | fixed attribute | N6 | 01,02 | 316n |
3200-3205 | fixed attribute | N6 | 01,02 | 320n |
3210-3215 | fixed attribute | N6 | 01,02 | 321n |
3220-3225 | fixed attribute | N6 | 01,02 | 322n |
3230-3235 | fixed attribute | N6 | 01,02 | 323n |
3240-3245 | fixed attribute | N6 | 01,02 | 324n |
3250-3255 | fixed attribute | N6 | 01,02 | 325n |
3260-3265 | fixed attribute | N6 | 01,02 | 326n |
3270-3275 | fixed attribute | N6 | 01,02 | 327n |
3280-3285 | fixed attribute | N6 | 01,02 | 328n |
3290-3295 | fixed attribute | N6 | 01,02 | 329n |
3300-3305 | fixed attribute | N6 | 00,01 | 330n |
3310-3315 | fixed attribute | N6 | 00,01 | 331n |
3320-3325 | fixed attribute | N6 | 00,01 | 332n |
3330-3335 | fixed attribute | N6 | 00,01 | 333n |
3340-3345 | fixed attribute | N6 | 00,01 | 334n |
3350-3355 | fixed attribute | N6 | 00,01 | 335n |
3360-3365 | fixed attribute | N6 | 00,01 | 336n |
3370-3375 | fixed attribute | N6 | 01 | 337n |
3400-3405 | fixed attribute | N6 | 00,01 | 340n |
3410-3415 | fixed attribute | N6 | 00,01 | 341n |
3420-3425 | fixed attribute | N6 | 00,01 | 342n |
3430-3435 | fixed attribute | N6 | 00,01 | 343n |
3440-3445 | fixed attribute | N6 | 00,01 | 344n |
3450-3455 | fixed attribute | N6 | 00,01 | 345n |
3460-3465 | fixed attribute | N6 | 00,01 | 346n |
3470-3475 | fixed attribute | N6 | 00,01 | 347n |
3480-3485 | fixed attribute | N6 | 00,01 | 348n |
3490-3495 | fixed attribute | N6 | 00,01 | 349n |
3500-3505 | fixed attribute | N6 | 01,02 | 350n |
3510-3515 | fixed attribute | N6 | 01,02 | 351n |
3520-3525 | fixed attribute | N6 | 01,02 | 352n |
3530-3535 | fixed attribute | N6 | 00,01 | 353n |
3540-3545 | fixed attribute | N6 | 00,01 | 354n |
3550-3555 | fixed attribute | N6 | 00,01 | 355n |
3560-3565 | fixed attribute | N6 | 01,02 | 356n |
3570-3575 | fixed attribute | N6 | 01,02 | 357n |
3600-3605 | fixed attribute | N6 | 01,02 | 360n |
3610-3615 | fixed attribute | N6 | 01,02 | 361n |
3620-3625 | fixed attribute | N6 | 00,01 | 362n |
3630-3635 | fixed attribute | N6 | 00,01 | 363n |
3640-3645 | fixed attribute | N6 | 01,02 | 364n |
3650-3655 | fixed attribute | N6 | 01,02 | 365n |
3660-3665 | fixed attribute | N6 | 01,02 | 366n |
3670-3675 | fixed attribute | N6 | 00,01 | 367n |
3680-3685 | fixed attribute | N6 | 00,01 | 368n |
3690-3695 | fixed attribute | N6 | 00,01 | 369n |
37 | attribute | N1-8 | 00 & 02,8026 |  |
3900-3909 | attribute | N1-15 | 255,8020 | 390n,391n,394n,8111 |
3910-3919 | attribute | N3:iso4217 N1-15 | 8020 | 391n |
3920-3929 | attribute | N1-15 | 01 & 30,31nn,32nn,35nn,36nn | 392n,393n |
3930-3939 | attribute | N3:iso4217 N1-15 | 30,31nn,32nn,35nn,36nn | 393n |
3940-3943 | attribute | N4 | 255 | 394n,8111 |
3950-3955 | attribute | N6 | 30,31nn,32nn,35nn,36nn | 392n,393n,395n,8005 |
400 | attribute | X1-30 |  |  |
401 | attribute | X1-30:gcppos1 |  |  | -
402 | attribute | N17:csum+gcppos1 |  |  | -
403 | attribute | X1-30 | 00 |  |
410 | fixed attribute | N13:csum+gcppos1 |  |  |
411 | fixed attribute | N13:csum+gcppos1 |  |  |
412 | fixed attribute | N13:csum+gcppos1 |  |  |
413 | fixed attribute | N13:csum+gcppos1 |  |  |
414 | fixed attribute | N13:csum+gcppos1 |  |  | 254|7040
415 | fixed attribute | N13:csum+gcppos1 | 8020 |  | 8020
416 | fixed attribute | N13:csum+gcppos1 |  |  |
417 | fixed attribute | N13:csum+gcppos1 |  |  | 7040
420 | attribute | X1-20 |  | 421 |
421 | attribute | N3:iso3166 X1-9 |  | 4307 |
422 | attribute | N3:iso3166 | 01,02,8006,8026 | 426 |
423 | attribute | N3:iso3166 ?N3:iso3166 ?N3:iso3166 ?N3:iso3166 ?N3:iso3166 | 01,02 | 426 |
424 | attribute | N3:iso3166 | 01,02 | 426 |
425 | attribute | N3:iso3166 ?N3:iso3166 ?N3:iso3166 ?N3:iso3166 ?N3:iso3166 | 01,02 | 426 |
426 | attribute | N3:iso3166 | 01,02 |  |
427 | attribute | X1-3 | 01,02 & 422 |  |
4300 | attribute | X1-35:pcenc | 00 |  |
4301 | attribute | X1-35:pcenc | 00 |  |
4302 | attribute | X1-70:pcenc | 00 |  |
4303 | attribute | X1-70:pcenc | 4302 |  |
4304 | attribute | X1-70:pcenc | 00 |  |
4305 | attribute | X1-70:pcenc | 00 |  |
4306 | attribute | X1-70:pcenc | 00 |  |
4307 | attribute | X2:iso3166alpha2 | 00 |  |
4308 | attribute | X1-30 | 00 |  |
4309 | attribute | N10:latitude N10:longitude | 00 |  |
4310 | attribute | X1-35:pcenc | 00 |  |
4311 | attribute | X1-35:pcenc | 00 |  |
4312 | attribute | X1-70:pcenc | 00 |  |
4313 | attribute | X1-70:pcenc | 4312 |  |
4314 | attribute | X1-70:pcenc | 00 |  |
4315 | attribute | X1-70:pcenc | 00 |  |
4316 | attribute | X1-70:pcenc | 00 |  |
4317 | attribute | X2:iso3166alpha2 | 00 |  |
4318 | attribute | X1-20 | 00 |  |
4319 | attribute | X1-30 | 00 |  |
4320 | attribute | X1-35:pcenc | 00 |  |
4321 | attribute | N1:yesno | 00 |  |
4322 | attribute | N1:yesno | 00 |  |
4323 | attribute | N1:yesno | 00 |  |
4324 | attribute | N6:yymmd0 N4:hhmi | 00 |  |
4325 | attribute | N6:yymmd0 N4:hhmi | 00 |  |
4326 | attribute | N6:yymmdd | 00 |  |
4330 | attribute | N6 ?X1:hyphen | 00 | 4331 |
4331 | attribute | N6 ?X1:hyphen | 00 | 4330 |
4332 | attribute | N6 ?X1:hyphen | 00 | 4333 |
4333 | attribute | N6 ?X1:hyphen | 00 | 4332 |
7001 | attribute | N13 | 01,02,8006,8026 |  |
7002 | attribute | X1-30 | 01,02 |  |
7003 | attribute | N6:yymmdd N4:hhmi | 01,02 |  |
7004 | attribute | N1-4 | 01+10 |  |
7005 | attribute | X1-12 | 01,02 |  |
7006 | attribute | N6:yymmdd | 01,02 |  |
7007 | attribute | N6:yymmdd ?N6:yymmdd | 01,02 |  |
7008 | attribute | X1-3 | 01,02 |  |
7009 | attribute | X1-10 | 01,02 |  |
7010 | attribute | X1-2 | 01,02 |  |
7011 | attribute | N6:yymmdd ?N4:hhmi | 01,02 |  |
7020 | attribute | X1-20 | 01,8006 & 416 |  |
7021 | attribute | X1-20 | 01,8006 |  |
7022 | attribute | X1-20 | 7021 |  |
7023 | attribute | X1-30:gcppos1 |  |  |
7030 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7031 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7032 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7033 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7034 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7035 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7036 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7037 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7038 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7039 | attribute | N3:iso3166999 X1-27 | 01,02 |  |
7040 |  | N1 X1 X1 X1:importeridx |  |  |
7041 |  | X1-4:packagetype | 00 |  |
710 | attribute | X1-20 | 01 |  |
711 | attribute | X1-20 | 01 |  |
712 | attribute | X1-20 | 01 |  |
713 | attribute | X1-20 | 01 |  |
714 | attribute | X1-20 | 01 |  |
715 | attribute | X1-20 | 01 |  |
716 | attribute | X1-20 | 01 |  |
717 | attribute | X1-20 | 01 |  |
7230 | attribute | X2 X1-28 | 01,8004 |  |
7231 | attribute | X2 X1-28 | 01,8004 |  |
7232 | attribute | X2 X1-28 | 01,8004 |  |
7233 | attribute | X2 X1-28 | 01,8004 |  |
7234 | attribute | X2 X1-28 | 01,8004 |  |
7235 | attribute | X2 X1-28 | 01,8004 |  |
7236 | attribute | X2 X1-28 | 01,8004 |  |
7237 | attribute | X2 X1-28 | 01,8004 |  |
7238 | attribute | X2 X1-28 | 01,8004 |  |
7239 | attribute | X2 X1-28 | 01,8004 |  |
7240 | attribute | X1-20 | 01,8006 |  |
7241 | attribute | N2:mediatype | 8017,8018 |  |
7242 | attribute | X1-25 | 8017,8018 |  |
7250 | attribute | N8:yyyymmdd | 8018 | 7251 |
7251 | attribute | N8:yyyymmdd N4:hhmi | 8018 | 7250 |
7252 | attribute | N1:iso5218 | 8018 |  |
7253 | attribute | X1-40:pcenc | 8017,8018 | 7256,7259 |
7254 | attribute | X1-40:pcenc | 8017,8018 | 7256,7259 |
7255 | attribute | X1-10 | 8017,8018 | 7256,7259 |
7256 | attribute | X1-90:pcenc | 8017,8018 |  |
7257 | attribute | X1-70:pcenc | 8018 |  |
7258 | attribute | X3:posinseqslash | 8018+7259 |  |
7259 | attribute | X1-40:pcenc | 8018 | 7256 |
8001 | attribute | N4:nonzero N5:nonzero N3:nonzero N1:winding N1 | 01 |  |
8002 | attribute | X1-20 |  |  |
8003 | attribute | N1:zero N13:csum+gcppos1 ?X1-16 |  |  | -
8004 | attribute | X1-30:gcppos1 |  |  | 7040
8005 | attribute | N6 | 01,02 |  |
8006 | attribute | N14:csum+gcppos2 N4:pieceoftotal |  | 01,37 | 22,10,21
8007 | attribute | X1-34:iban | 415 |  |
8008 | attribute | N6:yymmdd N2:hh ?N2:mi ?N2:ss | 01,02 |  |
8009 | attribute | X1-50 | 00,01 |  |
8010 | attribute | Y1-30:gcppos1 |  |  | 8011
8011 |  | N1-12:nozeroprefix | 8010 |  |
8012 | attribute | X1-20 | 01,8006 |  |
8013 | attribute | X1-25:csumalpha+gcppos1 |  |  | -
8014 |  | X1-25:csumalpha+gcppos1+hasnondigit | 01 |  |
8017 | attribute | N18:csum+gcppos1 |  | 8018 | 8019
8018 | attribute | N18:csum+gcppos1 |  | 8017 | 8019
8019 |  | N1-10 | 8017,8018 |  |
8020 |  | X1-25 | 415 |  |
8026 | attribute | N14:csum+gcppos2 N4:pieceoftotal | 37 | 02,8006 |
8030 | attribute | Z1-90 | 00,01+21,253,255,8003,8004,8006+21,8010+8011,8017,8018 |  |
8040 |  | N15 | 01+21 |  |
8041 |  | N15 | 01+21+8040 |  |
8042 |  | N32 | 01+21+8040 |  |
8043 |  | N18 ?N1-2 | 01+21+8040 |  |
8110 | attribute | X1-70:couponcode |  |  |
8111 | attribute | N4 | 255 |  |
8112 | attribute | X1-70:couponposoffer |  |  |
8200 |  | X1-70 | 01 |  |
90 | attribute | X1-30 |  |  |
91-99 | attribute | X1-90 |  |  |
"""

# ISO 3166-1 numeric.
COUNTRIES = """
004 008 010 012 016 020 024 028 031 032 036 040 044 048 050 051 052 056 060 064 068 070
072 074 076 084 086 090 092 096 100 104 108 112 116 120 124 132 136 140 144 148 152 156
158 162 166 170 174 175 178 180 184 188 191 192 196 203 204 208 212 214 218 222 226 231
232 233 234 238 239 242 246 248 250 254 258 260 262 266 268 270 275 276 288 292 296 300
304 308 312 316 320 324 328 332 334 336 340 344 348 352 356 360 364 368 372 376 380 384
388 392 398 400 404 408 410 414 417 418 422 426 428 430 434 438 440 442 446 450 454 458
462 466 470 474 478 480 484 492 496 498 499 500 504 508 512 516 520 524 528 531 533 534
535 540 548 554 558 562 566 570 574 578 580 581 583 584 585 586 591 598 600 604 608 612
616 620 624 626 630 634 638 642 643 646 652 654 659 660 662 663 666 670 674 678 682 686
688 690 694 702 703 704 705 706 710 716 724 728 729 732 740 744 748 752 756 760 762 764
768 772 776 780 784 788 792 795 796 798 800 804 807 818 826 831 832 833 834 840 850 854
858 860 862 876 882 887 894
"""

# ISO 3166-1 alpha-2.
COUNTRIES_ALPHA2 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO
BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ
DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP
GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML
MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE
PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL
SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM
US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""

# ISO 4217 numeric, funds and withdrawn codes that the dictionary keeps included.
CURRENCIES = """
008 012 032 036 044 048 050 051 052 060 064 068 072 084 090 096 104 108 116 124 132 136
144 152 156 170 174 188 192 203 208 214 222 230 232 238 242 262 270 292 320 324 328 332
340 344 348 352 356 360 364 368 376 388 392 396 398 400 404 408 410 414 417 418 422 426
430 434 446 454 458 462 480 484 496 498 504 512 516 524 532 533 548 554 558 566 578 586
590 598 600 604 608 634 643 646 654 682 690 702 704 706 710 728 748 752 756 760 764 776
780 784 788 800 807 818 826 834 840 858 860 882 886 901 924 925 926 927 928 929 930 933
934 936 938 940 941 943 944 946 947 948 949 950 951 952 953 955 956 957 958 959 960 961
962 963 964 965 967 968 969 970 971 972 973 975 976 977 978 979 980 981 984 985 986 990
994 997 999
"""

# UN/ECE Recommendation 21 and GS1's additions (PackageTypeCode).
PACKAGES = """
1A 1B 1D 1F 1G 1W 200 201 202 203 204 205 206 210 211 212 2C 3A 3H 43 44 4A 4B 4C 4D 4F
4G 4H 5H 5L 5M 6H 6P 7A 7B 8 8A 8B 8C 9 AA AB AC AD AF AG AH AI AJ AL AM AP APE AT AV B4
BB BC BD BE BF BG BGE BH BI BJ BK BL BM BME BN BO BP BQ BR BRI BS BT BU BV BW BX BY BZ
CA CB CBL CC CCE CD CE CF CG CH CI CJ CK CL CM CN CO CP CQ CR CS CT CU CV CW CX CY CZ DA
DB DC DG DH DI DJ DK DL DM DN DP DPE DR DS DT DU DV DW DX DY E1 E2 E3 EC ED EE EF EG EH
EI EN FB FC FD FE FI FL FO FOB FP FPE FR FT FW FX GB GI GL GR GU GY GZ HA HB HC HG HN HR
IA IB IC ID IE IF IG IH IK IL IN IZ JB JC JG JR JT JY KG KI LAB LE LG LT LU LV LZ MA MB
MC ME MPE MR MS MT MW MX NA NE NF NG NS NT NU NV OA OB OC OD OE OF OK OPE OT OU P2 PA
PAE PB PC PD PE PF PG PH PI PJ PK PL PLP PN PO POP PP PPE PR PT PU PUE PV PX PY PZ QA QB
QC QD QF QG QH QJ QK QL QM QN QP QQ QR QS RB1 RB2 RB3 RCB RD RG RJ RK RL RO RT RZ S1 SA
SB SC SD SE SEC SH SI SK SL SM SO SP SS ST STL SU SV SW SX SY SZ T1 TB TC TD TE TEV TG
THE TI TK TL TN TO TR TRE TS TT TTE TU TV TW TWE TY TZ UC UN UUE VA VG VI VK VL VN VO VP
VQ VR VS VY WA WB WC WD WF WG WH WJ WK WL WM WN WP WQ WR WRP WS WT WU WV WW WX WY WZ X11
X12 X15 X16 X17 X18 X19 X20 X3 XA XB XC XD XF XG XH XJ XK YA YB YC YD YF YG YH YJ YK YL
YM YN YP YQ YR YS YT YV YW YX YY YZ ZA ZB ZC ZD ZF ZG ZH ZJ ZK ZL ZM ZN ZP ZQ ZR ZS ZT
ZU ZV ZW ZX ZY ZZ
"""
