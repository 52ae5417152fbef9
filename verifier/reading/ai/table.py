"""The rules of every GS1 application identifier, one row each.

The facts are those of the GS1 General Specifications, section 3, as GS1 publishes them for machines in its Barcode
Syntax Dictionary; `scripts/compare-ai-table` compares the two row by row.

A row reads: AIs and marks | components | what other AIs it asks for | title.

- Marks: `*` its length is fixed, so no separator follows it; `?` it may stand in the query of a Digital Link.
- A component is a character set (`N` digits, `X` set 82, `Y` set 39, `Z` base64 for addresses), a length or a range of
  lengths, and the checks of `verifier/reading/ai/lint.py`. Brackets mark a component that may be missing; `x4` repeats
  it.
- `not`: AIs that exclude it. `with`: one of these groups must stand beside it, for
  each `with`. In both, `n` is any digit.
- `key`: it is the key of a Digital Link, with these qualifiers behind it in this order, each at most once.
"""

ROWS = """\
00 *? | N18 csum gcppos2 | key | SSCC
01 *? | N14 csum gcppos2 | not 255 37; key 22,10,21 or 235 | GTIN
02 *? | N14 csum gcppos2 | not 01 03; with 37 | CONTENT
03 * | N14 csum gcppos2 | not 01 02 37 | MTO GTIN
10 ? | X1..20 | with 01 02 03 8006 8026 | BATCH/LOT
11 *? | N6 yymmd0 | with 01 02 03 8006 8026 | PROD DATE
12 *? | N6 yymmd0 | with 8020 | DUE DATE
13 *? | N6 yymmd0 | with 01 02 03 8006 8026 | PACK DATE
15 *? | N6 yymmd0 | with 01 02 03 8006 8026 | BEST BEFORE or BEST BY
16 *? | N6 yymmd0 | with 01 02 03 8006 8026 | SELL BY
17 *? | N6 yymmd0 | with 01 02 03 255 8006 8026 | USE BY or EXPIRY
20 *? | N2 | with 01 02 8006 8026 | VARIANT
21 | X1..20 | not 235; with 01 03 8006 | SERIAL
22 | X1..20 | with 01 | CPV
235 | X1..28 | with 01 | TPX
240 ? | X1..30 | with 01 02 8006 8026 | ADDITIONAL ID
241 ? | X1..30 | with 01 02 8006 8026 | CUST. PART No.
242 ? | N1..6 | with 01 02 8006 8026 | MTO VARIANT
243 ? | X1..20 | with 01 | PCN
250 ? | X1..30 | with 01 8006; with 21 | SECONDARY SERIAL
251 ? | X1..30 | with 01 8006 | REF. TO SOURCE
253 ? | N13 csum gcppos1 + [X1..17] | key | GDTI
254 | X1..20 | with 414 | GLN EXTENSION COMPONENT
255 ? | N13 csum gcppos1 + [N1..12] | not 01 02 415 8006 8020 8026; key | GCN
30 ? | N1..8 | with 01 02 | VAR. COUNT
3100-3105 *? | N6 | not 310n; with 01 02 | NET WEIGHT (kg)
3110-3115 *? | N6 | not 311n; with 01 02 | LENGTH (m)
3120-3125 *? | N6 | not 312n; with 01 02 | WIDTH (m)
3130-3135 *? | N6 | not 313n; with 01 02 | HEIGHT (m)
3140-3145 *? | N6 | not 314n; with 01 02 | AREA (m²)
3150-3155 *? | N6 | not 315n; with 01 02 | NET VOLUME (l)
3160-3165 *? | N6 | not 316n; with 01 02 | NET VOLUME (m³)
3200-3205 *? | N6 | not 320n; with 01 02 | NET WEIGHT (lb)
3210-3215 *? | N6 | not 321n; with 01 02 | LENGTH (in)
3220-3225 *? | N6 | not 322n; with 01 02 | LENGTH (ft)
3230-3235 *? | N6 | not 323n; with 01 02 | LENGTH (yd)
3240-3245 *? | N6 | not 324n; with 01 02 | WIDTH (in)
3250-3255 *? | N6 | not 325n; with 01 02 | WIDTH (ft)
3260-3265 *? | N6 | not 326n; with 01 02 | WIDTH (yd)
3270-3275 *? | N6 | not 327n; with 01 02 | HEIGHT (in)
3280-3285 *? | N6 | not 328n; with 01 02 | HEIGHT (ft)
3290-3295 *? | N6 | not 329n; with 01 02 | HEIGHT (yd)
3300-3305 *? | N6 | not 330n; with 00 01 | GROSS WEIGHT (kg)
3310-3315 *? | N6 | not 331n; with 00 01 | LENGTH (m), log
3320-3325 *? | N6 | not 332n; with 00 01 | WIDTH (m), log
3330-3335 *? | N6 | not 333n; with 00 01 | HEIGHT (m), log
3340-3345 *? | N6 | not 334n; with 00 01 | AREA (m²), log
3350-3355 *? | N6 | not 335n; with 00 01 | VOLUME (l), log
3360-3365 *? | N6 | not 336n; with 00 01 | VOLUME (m³), log
3370-3375 *? | N6 | not 337n; with 01 | KG PER m²
3400-3405 *? | N6 | not 340n; with 00 01 | GROSS WEIGHT (lb)
3410-3415 *? | N6 | not 341n; with 00 01 | LENGTH (in), log
3420-3425 *? | N6 | not 342n; with 00 01 | LENGTH (ft), log
3430-3435 *? | N6 | not 343n; with 00 01 | LENGTH (yd), log
3440-3445 *? | N6 | not 344n; with 00 01 | WIDTH (in), log
3450-3455 *? | N6 | not 345n; with 00 01 | WIDTH (ft), log
3460-3465 *? | N6 | not 346n; with 00 01 | WIDTH (yd), log
3470-3475 *? | N6 | not 347n; with 00 01 | HEIGHT (in), log
3480-3485 *? | N6 | not 348n; with 00 01 | HEIGHT (ft), log
3490-3495 *? | N6 | not 349n; with 00 01 | HEIGHT (yd), log
3500-3505 *? | N6 | not 350n; with 01 02 | AREA (in²)
3510-3515 *? | N6 | not 351n; with 01 02 | AREA (ft²)
3520-3525 *? | N6 | not 352n; with 01 02 | AREA (yd²)
3530-3535 *? | N6 | not 353n; with 00 01 | AREA (in²), log
3540-3545 *? | N6 | not 354n; with 00 01 | AREA (ft²), log
3550-3555 *? | N6 | not 355n; with 00 01 | AREA (yd²), log
3560-3565 *? | N6 | not 356n; with 01 02 | NET WEIGHT (tr oz)
3570-3575 *? | N6 | not 357n; with 01 02 | NET VOLUME (oz)
3600-3605 *? | N6 | not 360n; with 01 02 | NET VOLUME (qt (US))
3610-3615 *? | N6 | not 361n; with 01 02 | NET VOLUME (gal.)
3620-3625 *? | N6 | not 362n; with 00 01 | VOLUME (qt (US)), log
3630-3635 *? | N6 | not 363n; with 00 01 | VOLUME (gal (US)), log
3640-3645 *? | N6 | not 364n; with 01 02 | NET VOLUME (in³)
3650-3655 *? | N6 | not 365n; with 01 02 | NET VOLUME (ft³)
3660-3665 *? | N6 | not 366n; with 01 02 | NET VOLUME (yd³)
3670-3675 *? | N6 | not 367n; with 00 01 | VOLUME (in³), log
3680-3685 *? | N6 | not 368n; with 00 01 | VOLUME (ft³), log
3690-3695 *? | N6 | not 369n; with 00 01 | VOLUME (yd³), log
37 ? | N1..8 | with 00; with 02 8026 | COUNT
3900-3909 ? | N1..15 | not 390n 391n 394n 8111; with 255 8020 | AMOUNT
3910-3919 ? | N3 iso4217 + N1..15 | not 391n; with 8020 | AMOUNT
3920-3929 ? | N1..15 | not 392n 393n; with 01; with 30 31nn 32nn 35nn 36nn | PRICE
3930-3939 ? | N3 iso4217 + N1..15 | not 393n; with 30 31nn 32nn 35nn 36nn | PRICE
3940-3943 ? | N4 | not 394n 8111; with 255 | PRCNT OFF
3950-3955 ? | N6 | not 392n 393n 395n 8005; with 30 31nn 32nn 35nn 36nn | PRICE/UoM
400 ? | X1..30 |  | ORDER NUMBER
401 ? | X1..30 gcppos1 | key | GINC
402 ? | N17 csum gcppos1 | key | GSIN
403 ? | X1..30 | with 00 | ROUTE
410 *? | N13 csum gcppos1 |  | SHIP TO LOC
411 *? | N13 csum gcppos1 |  | BILL TO
412 *? | N13 csum gcppos1 |  | PURCHASE FROM
413 *? | N13 csum gcppos1 |  | SHIP FOR LOC
414 *? | N13 csum gcppos1 | key 254 or 7040 | LOC No.
415 *? | N13 csum gcppos1 | with 8020; key 8020 | PAY TO
416 *? | N13 csum gcppos1 |  | PROD/SERV LOC
417 *? | N13 csum gcppos1 | key 7040 | PARTY
420 ? | X1..20 | not 421 | SHIP TO POST
421 ? | N3 iso3166 + X1..9 | not 4307 | SHIP TO POST
422 ? | N3 iso3166 | not 426; with 01 02 8006 8026 | ORIGIN
423 ? | N3 iso3166 + [N3] iso3166 x4 | not 426; with 01 02 | COUNTRY - INITIAL PROCESS
424 ? | N3 iso3166 | not 426; with 01 02 | COUNTRY - PROCESS
425 ? | N3 iso3166 + [N3] iso3166 x4 | not 426; with 01 02 | COUNTRY - DISASSEMBLY
426 ? | N3 iso3166 | with 01 02 | COUNTRY - FULL PROCESS
427 ? | X1..3 | with 01 02; with 422 | ORIGIN SUBDIVISION
4300 ? | X1..35 pcenc | with 00 | SHIP TO COMP
4301 ? | X1..35 pcenc | with 00 | SHIP TO NAME
4302 ? | X1..70 pcenc | with 00 | SHIP TO ADD1
4303 ? | X1..70 pcenc | with 4302 | SHIP TO ADD2
4304 ? | X1..70 pcenc | with 00 | SHIP TO SUB
4305 ? | X1..70 pcenc | with 00 | SHIP TO LOC
4306 ? | X1..70 pcenc | with 00 | SHIP TO REG
4307 ? | X2 iso3166alpha2 | with 00 | SHIP TO COUNTRY
4308 ? | X1..30 | with 00 | SHIP TO PHONE
4309 ? | N10 latitude + N10 longitude | with 00 | SHIP TO GEO
4310 ? | X1..35 pcenc | with 00 | RTN TO COMP
4311 ? | X1..35 pcenc | with 00 | RTN TO NAME
4312 ? | X1..70 pcenc | with 00 | RTN TO ADD1
4313 ? | X1..70 pcenc | with 4312 | RTN TO ADD2
4314 ? | X1..70 pcenc | with 00 | RTN TO SUB
4315 ? | X1..70 pcenc | with 00 | RTN TO LOC
4316 ? | X1..70 pcenc | with 00 | RTN TO REG
4317 ? | X2 iso3166alpha2 | with 00 | RTN TO COUNTRY
4318 ? | X1..20 | with 00 | RTN TO POST
4319 ? | X1..30 | with 00 | RTN TO PHONE
4320 ? | X1..35 pcenc | with 00 | SRV DESCRIPTION
4321 ? | N1 yesno | with 00 | DANGEROUS GOODS
4322 ? | N1 yesno | with 00 | AUTH TO LEAVE
4323 ? | N1 yesno | with 00 | SIG REQUIRED
4324 ? | N6 yymmd0 + N4 hhmi | with 00 | NOT BEF DEL DT
4325 ? | N6 yymmd0 + N4 hhmi | with 00 | NOT AFT DEL DT
4326 ? | N6 yymmdd | with 00 | REL DATE
4330 ? | N6 + [X1] hyphen | not 4331; with 00 | MAX TEMP F.
4331 ? | N6 + [X1] hyphen | not 4330; with 00 | MAX TEMP C.
4332 ? | N6 + [X1] hyphen | not 4333; with 00 | MIN TEMP F.
4333 ? | N6 + [X1] hyphen | not 4332; with 00 | MIN TEMP C.
7001 ? | N13 | with 01 02 8006 8026 | NSN
7002 ? | X1..30 | with 01 02 | MEAT CUT
7003 ? | N6 yymmdd + N4 hhmi | with 01 02 | EXPIRY TIME
7004 ? | N1..4 | with 01+10 | ACTIVE POTENCY
7005 ? | X1..12 | with 01 02 | CATCH AREA
7006 ? | N6 yymmdd | with 01 02 | FIRST FREEZE DATE
7007 ? | N6 yymmdd + [N6] yymmdd | with 01 02 | HARVEST DATE
7008 ? | X1..3 | with 01 02 | AQUATIC SPECIES
7009 ? | X1..10 | with 01 02 | FISHING GEAR TYPE
7010 ? | X1..2 | with 01 02 | PROD METHOD
7011 ? | N6 yymmdd + [N4] hhmi | with 01 02 | TEST BY DATE
7020 ? | X1..20 | with 01 8006; with 416 | REFURB LOT
7021 ? | X1..20 | with 01 8006 | FUNC STAT
7022 ? | X1..20 | with 7021 | REV STAT
7023 ? | X1..30 gcppos1 |  | GIAI - ASSEMBLY
7030 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 0
7031 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 1
7032 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 2
7033 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 3
7034 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 4
7035 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 5
7036 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 6
7037 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 7
7038 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 8
7039 ? | N3 iso3166999 + X1..27 | with 01 02 | PROCESSOR # 9
7040 | N1 + X1 + X1 + X1 importeridx |  | UIC+EXT
7041 | X1..4 packagetype | with 00 | UFRGT UNIT TYPE
710 ? | X1..20 | with 01 | NHRN PZN
711 ? | X1..20 | with 01 | NHRN CIP
712 ? | X1..20 | with 01 | NHRN CN
713 ? | X1..20 | with 01 | NHRN DRN
714 ? | X1..20 | with 01 | NHRN AIM
715 ? | X1..20 | with 01 | NHRN NDC
716 ? | X1..20 | with 01 | NHRN AIC
717 ? | X1..20 | with 01 | NHRN SRN
7230 ? | X2 + X1..28 | with 01 8004 | CERT # 1
7231 ? | X2 + X1..28 | with 01 8004 | CERT # 2
7232 ? | X2 + X1..28 | with 01 8004 | CERT # 3
7233 ? | X2 + X1..28 | with 01 8004 | CERT # 4
7234 ? | X2 + X1..28 | with 01 8004 | CERT # 5
7235 ? | X2 + X1..28 | with 01 8004 | CERT # 6
7236 ? | X2 + X1..28 | with 01 8004 | CERT # 7
7237 ? | X2 + X1..28 | with 01 8004 | CERT # 8
7238 ? | X2 + X1..28 | with 01 8004 | CERT # 9
7239 ? | X2 + X1..28 | with 01 8004 | CERT # 10
7240 ? | X1..20 | with 01 8006 | PROTOCOL
7241 ? | N2 mediatype | with 8017 8018 | AIDC MEDIA TYPE
7242 ? | X1..25 | with 8017 8018 | VCN
7250 ? | N8 yyyymmdd | not 7251; with 8018 | DOB
7251 ? | N8 yyyymmdd + N4 hhmi | not 7250; with 8018 | DOB TIME
7252 ? | N1 iso5218 | with 8018 | BIO SEX
7253 ? | X1..40 pcenc | not 7256 7259; with 8017 8018 | FAMILY NAME
7254 ? | X1..40 pcenc | not 7256 7259; with 8017 8018 | GIVEN NAME
7255 ? | X1..10 | not 7256 7259; with 8017 8018 | SUFFIX
7256 ? | X1..90 pcenc | with 8017 8018 | FULL NAME
7257 ? | X1..70 pcenc | with 8018 | PERSON ADDR
7258 ? | X3 posinseqslash | with 8018+7259 | BIRTH SEQUENCE
7259 ? | X1..40 pcenc | not 7256; with 8018 | BABY
8001 ? | N4 nonzero + N5 nonzero + N3 nonzero + N1 winding + N1 | with 01 | DIMENSIONS
8002 ? | X1..20 |  | CMT No.
8003 ? | N1 zero + N13 csum gcppos1 + [X1..16] | key | GRAI
8004 ? | X1..30 gcppos1 | key 7040 | GIAI
8005 ? | N6 | with 01 02 | PRICE PER UNIT
8006 ? | N14 csum gcppos2 + N4 pieceoftotal | not 01 37; key 22,10,21 | ITIP
8007 ? | X1..34 iban | with 415 | IBAN
8008 ? | N6 yymmdd + N2 hh + [N2] mi + [N2] ss | with 01 02 | PROD TIME
8009 ? | X1..50 | with 00 01 | OPTSEN
8010 ? | Y1..30 gcppos1 | key 8011 | CPID
8011 | N1..12 nozeroprefix | with 8010 | CPID SERIAL
8012 ? | X1..20 | with 01 8006 | VERSION
8013 ? | X1..25 csumalpha gcppos1 | key | GMN
8014 | X1..25 csumalpha gcppos1 hasnondigit | with 01 | MUDI
8017 ? | N18 csum gcppos1 | not 8018; key 8019 | GSRN - PROVIDER
8018 ? | N18 csum gcppos1 | not 8017; key 8019 | GSRN - RECIPIENT
8019 | N1..10 | with 8017 8018 | SRIN
8020 | X1..25 | with 415 | REF No.
8026 ? | N14 csum gcppos2 + N4 pieceoftotal | not 02 8006; with 37 | ITIP CONTENT
8030 ? | Z1..90 | with 00 01+21 253 255 8003 8004 8006+21 8010+8011 8017 8018 | DIGSIG
8040 | N15 | with 01+21 | IMEI
8041 | N15 | with 01+21+8040 | IMEI2
8042 | N32 | with 01+21+8040 | ESIM
8043 | N18 + [N1..2] | with 01+21+8040 | PSIM
8110 ? | X1..70 couponcode |  |
8111 ? | N4 | with 255 | POINTS
8112 ? | X1..70 couponposoffer |  |
8200 | X1..70 | with 01 | PRODUCT URL
90 ? | X1..30 |  | INTERNAL
91-99 ? | X1..90 |  | INTERNAL
"""
"""Release 2026-01-27 of the dictionary."""
