"""What the 47 character keys of a US keyboard give under the layouts of the world. Written by a script.

`scripts/keyboard-table` reads these facts from xkeyboard-config 2.35.1-1. A name, then the keys row by row, first as
they are, then with Shift. A dead key stands as its combining mark, a key that gives nothing as U+FFFD.
"""

from __future__ import annotations

_TABLE = """\
US
`1234567890-= qwertyuiop[] asdfghjkl;' \\zxcvbnm,./
~!@#$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:" |ZXCVBNM<>?

German
\u03021234567890ß\u0301 qwertzuiopü+ asdfghjklöä #yxcvbnm,.-
°!"§$%&/()=?\u0300 QWERTZUIOPÜ* ASDFGHJKLÖÄ 'YXCVBNM;:_

Austrian
\u03021234567890ß\u0301 qwertzuiopü+ asdfghjklöä #yxcvbnm,.-
°!"§$%&/()=?\u0300 QWERTZUIOPÜ* ASDFGHJKLÖÄ 'YXCVBNM;:_

Swiss
§1234567890'\u0302 qwertzuiopü\u0308 asdfghjklöä $yxcvbnm,.-
°+"*ç%&/()=?\u0300 QWERTZUIOPè! ASDFGHJKLéà £YXCVBNM;:_

Swiss French
§1234567890'\u0302 qwertzuiopè\u0308 asdfghjkléà $yxcvbnm,.-
°+"*ç%&/()=?\u0300 QWERTZUIOPü! ASDFGHJKLöä £YXCVBNM;:_

French
²&é"'(-è_çà)= azertyuiop\u0302$ qsdfghjklmù *wxcvbn,;:!
~1234567890°+ AZERTYUIOP\u0308£ QSDFGHJKLM% µWXCVBN?./§

Belgian
²&é"'(§è!çà)- azertyuiop\u0302$ qsdfghjklmù µwxcvbn,;:=
³1234567890°_ AZERTYUIOP\u0308* QSDFGHJKLM% £WXCVBN?./+

Spanish
º1234567890'¡ qwertyuiop\u0300+ asdfghjklñ\u0301 çzxcvbnm,.-
ª!"·$%&/()=?¿ QWERTYUIOP\u0302* ASDFGHJKLÑ\u0308 ÇZXCVBNM;:_

Latin American
|1234567890'¿ qwertyuiop\u0301+ asdfghjklñ{ }zxcvbnm,.-
°!"#$%&/()=?¡ QWERTYUIOP\u0308* ASDFGHJKLÑ[ ]ZXCVBNM;:_

Italian
\\1234567890'ì qwertyuiopè+ asdfghjklòà ùzxcvbnm,.-
|!"£$%&/()=?^ QWERTYUIOPé* ASDFGHJKLç° §ZXCVBNM;:_

Portuguese
\\1234567890'« qwertyuiop+\u0301 asdfghjklçº \u0303zxcvbnm,.-
|!"#$%&/()=?» QWERTYUIOP*\u0300 ASDFGHJKLÇª \u0302ZXCVBNM;:_

Brazilian
'1234567890-= qwertyuiop\u0301[ asdfghjklç\u0303 ]zxcvbnm,.;
"!@#$%\u0308&*()_+ QWERTYUIOP\u0300{ ASDFGHJKLÇ\u0302 }ZXCVBNM<>:

Dutch
@1234567890/° qwertyuiop\u0308* asdfghjkl+\u0301 <zxcvbnm,.-
§!"#$%&_()'?\u0303 QWERTYUIOP\u0302| ASDFGHJKL±\u0300 >ZXCVBNM;:=

British
`1234567890-= qwertyuiop[] asdfghjkl;' #zxcvbnm,./
¬!"£$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:@ ~ZXCVBNM<>?

Irish
`1234567890-= qwertyuiop[] asdfghjkl;' #zxcvbnm,./
¬!"£$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:@ ~ZXCVBNM<>?

Danish
½1234567890+\u0301 qwertyuiopå\u0308 asdfghjklæø 'zxcvbnm,.-
§!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302 ASDFGHJKLÆØ *ZXCVBNM;:_

Norwegian
|1234567890+\\ qwertyuiopå\u0308 asdfghjkløæ 'zxcvbnm,.-
§!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302 ASDFGHJKLØÆ *ZXCVBNM;:_

Swedish
§1234567890+\u0301 qwertyuiopå\u0308 asdfghjklöä 'zxcvbnm,.-
½!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302 ASDFGHJKLÖÄ *ZXCVBNM;:_

Finnish
§1234567890+\u0301 qwertyuiopå\u0308 asdfghjklöä 'zxcvbnm,.-
½!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302 ASDFGHJKLÖÄ *ZXCVBNM;:_

Icelandic
\u030a1234567890ö- qwertyuiopð' asdfghjklæ\u0301 +zxcvbnm,.þ
\u0308!"#$%&/()=Ö_ QWERTYUIOPÐ? ASDFGHJKLÆ\u0301 *ZXCVBNM;:Þ

Faroese
½1234567890+\u0301 qwertyuiopåð asdfghjklæø 'zxcvbnm,.-
§!"#¤%&/()=?\u0300 QWERTYUIOPÅÐ ASDFGHJKLÆØ *ZXCVBNM;:_

Estonian
\u030c1234567890+\u0301 qwertyuiopüõ asdfghjklöä 'zxcvbnm,.-
\u0303!"#¤%&/()=?\u0300 QWERTYUIOPÜÕ ASDFGHJKLÖÄ *ZXCVBNM;:_

Lithuanian
`ąčęėįšųū\u201e\u201c-ž qwertyuiop[] asdfghjkl;' \\zxcvbnm,./
~ĄČĘĖĮŠŲŪ()_Ž QWERTYUIOP{} ASDFGHJKL:" |ZXCVBNM<>?

Polish (214)
\u02d91234567890+' qwertzuiopżś asdfghjklłą óyxcvbnm,.-
\u0328!"#$%&/()=?* QWERTZUIOPńć ASDFGHJKLŁę źYXCVBNM;:_

Czech
;+ěščřžýáíé=\u0301 qwertzuiopú) asdfghjklů§ \u0308yxcvbnm,.-
\u030a1234567890%\u030c QWERTZUIOP/( ASDFGHJKL"! 'YXCVBNM?:_

Czech QWERTY
;+ěščřžýáíé=\u0301 qwertyuiopú) asdfghjklů§ \u0308zxcvbnm,.-
\u030a1234567890%\u030c QWERTYUIOP/( ASDFGHJKL"! 'ZXCVBNM?:_

Slovak
;+ľščťžýáíé=\u0301 qwertzuiopúä asdfghjklô§ ňyxcvbnm,.-
\u030a1234567890%\u030c QWERTZUIOP/( ASDFGHJKL"! )YXCVBNM?:_

Slovak QWERTY
;+ľščťžýáíé=\u0301 qwertyuiopúä asdfghjklô§ ňzxcvbnm,.-
\u030a1234567890%\u030c QWERTYUIOP/( ASDFGHJKL"! )ZXCVBNM?:_

Hungarian
0123456789öüó qwertzuiopőú asdfghjkléá űyxcvbnm,.-
§'"+!%/=()ÖÜÓ QWERTZUIOPŐÚ ASDFGHJKLÉÁ ŰYXCVBNM?:_

Hungarian QWERTY
í123456789öüó qwertyuiopőú asdfghjkléá űzxcvbnm,.-
Í'"+!%/=()ÖÜÓ QWERTYUIOPŐÚ ASDFGHJKLÉÁ ŰZXCVBNM?:_

Slovenian
¸1234567890'+ qwertzuiopšđ asdfghjklčć žyxcvbnm,.-
¨!"#$%&/()=?* QWERTZUIOPŠĐ ASDFGHJKLČĆ ŽYXCVBNM;:_

Croatian
`1234567890'+ qwertzuiopšđ asdfghjklčć žyxcvbnm,.-
~!"#$%&/()=?* QWERTZUIOPŠĐ ASDFGHJKLČĆ ŽYXCVBNM;:_

Bosnian
`1234567890'+ qwertzuiopšđ asdfghjklčć žyxcvbnm,.-
~!"#$%&/()=?* QWERTZUIOPŠĐ ASDFGHJKLČĆ ŽYXCVBNM;:_

Serbian
`1234567890'+ љњертзуиопшђ асдфгхјклчћ жжџцвбнм,.-
~!"#$%&/()=?* ЉЊЕРТЗУИОПШЂ АСДФГХЈКЛЧЋ ЖЖЏЦВБНМ;:_

Serbian Latin
`1234567890'+ qwertzuiopšđ asdfghjklčć žyxcvbnm,.-
~!"#$%&/()=?* QWERTZUIOPŠĐ ASDFGHJKLČĆ ŽYXCVBNM;:_

Montenegrin
`1234567890'+ qwertzuiopšđ asdfghjklčć žyxcvbnm,.-
~!"#$%&/()=?* QWERTZUIOPŠĐ ASDFGHJKLČĆ ŽYXCVBNM;:_

Macedonian
\u03001234567890-= љњертѕуиопшѓ асдфгхјклчќ жзџцвбнм,./
~!\u201e\u201c$%^&*()_+ ЉЊЕРТЅУИОПШЃ АСДФГХЈКЛЧЌ ЖЗЏЦВБНМ;:?

Albanian
\\1234567890-= qwertzuiopç@ asdfghjklë[ ]yxcvbnm,./
|!"#$%^&*()_+ QWERTZUIOPÇ' ASDFGHJKLË{ }YXCVBNM;:?

Bulgarian
(1234567890-. ,уеишщксдзц; ьяаожгтнвмч \u201eюйъэфхпрлб
)!?+"%=:/\u2013\u2116$\u20ac ыУЕИШЩКСДЗЦ§ ѝЯАОЖГТНВМЧ \u201cЮЙЪЭФХПРЛБ

Bulgarian phonetic
ч1234567890-= явертъуиопшщ асдфгхйкл;' юзьцжбнм,./
Ч!@\u2116$%\u20ac§*()\u2013+ ЯВЕРТЪУИОПШЩ АСДФГХЙКЛ:" ЮЗѝЦЖБНМ\u201e\u201c?

Greek
`1234567890-= ;ςερτυθιοπ[] ασδφγηξκλ\u0301' \\ζχψωβνμ,./
~!@#$%^&*()_+ :ΣΕΡΤΥΘΙΟΠ{} ΑΣΔΦΓΗΞΚΛ\u0308" |ΖΧΨΩΒΝΜ<>?

Turkish
"1234567890*- qwertyuıopğü asdfghjklşi ,zxcvbnmöç.
é!'^+%&/()=?_ QWERTYUIOPĞÜ ASDFGHJKLŞİ ;ZXCVBNMÖÇ:

Turkish F
+1234567890/- fgğıodrnhpqw uieaütkmlyş xjövcçzsb.,
*!"^$%&'()=?_ FGĞIODRNHPQW UİEAÜTKMLYŞ XJÖVCÇZSB:;

Azerbaijani
`1234567890-= qüertyuiopöğ asdfghjklı\u0259 \\zxcvbnmçş.
~!"\u2166;%:?*()_+ QÜERTYUİOPÖĞ ASDFGHJKLIƏ /ZXCVBNMÇŞ,

Maltese
ċ1234567890-= qwertyuiopġħ asdfghjkl;' #zxcvbnm,./
Ċ!"\u20ac$%^&*()_+ QWERTYUIOPĠĦ ASDFGHJKL:@ ~ZXCVBNM<>?

Russian
ё1234567890-= йцукенгшщзхъ фывапролджэ \\ячсмитьбю.
Ё!"\u2116;%:?*()_+ ЙЦУКЕНГШЩЗХЪ ФЫВАПРОЛДЖЭ /ЯЧСМИТЬБЮ,

Russian (legacy)
ё1234567890-= йцукенгшщзхъ фывапролджэ \\ячсмитьбю/
Ё!"#*:,.;()_+ ЙЦУКЕНГШЩЗХЪ ФЫВАПРОЛДЖЭ |ЯЧСМИТЬБЮ?

Ukrainian
'1234567890-= йцукенгшщзхї фівапролджє ґячсмитьбю.
\u02bc!"\u2116;%:?*()_+ ЙЦУКЕНГШЩЗХЇ ФІВАПРОЛДЖЄ ҐЯЧСМИТЬБЮ,

Belarusian
ё1234567890-= йцукенгшўзх' фывапролджэ \\ячсмітьбю.
Ё!"\u2116;%:?*()_+ ЙЦУКЕНГШЎЗХ' ФЫВАПРОЛДЖЭ /ЯЧСМІТЬБЮ,

Kazakh
("әіңғ,.үұқөһ йцукенгшщзхъ фывапролджэ \\ячсмитьбю\u2116
)!ӘІҢҒ;:ҮҰҚӨҺ ЙЦУКЕНГШЩЗХЪ ФЫВАПРОЛДЖЭ /ЯЧСМИТЬБЮ?

Kyrgyz
ё1234567890өң йцукенгшщзхъ фывапролджэ үячсмитьбю.
Ё!"\u2116;%:?*()ӨҢ ЙЦУКЕНГШЩЗХЪ ФЫВАПРОЛДЖЭ ҮЯЧСМИТЬБЮ,

Mongolian
=1234567890ещ фцужэнгшүзкъ йыбөахролдп !ячёсмитьвю
+\u2116-"\u20ae:._,%?ЕЩ ФЦУЖЭНГШҮЗКЪ ЙЫБӨАХРОЛДП |ЯЧЁСМИТЬВЮ

Tajik
ё1234567890ғӯ йқукенгшҳзхъ фҷвапролджэ \\ячсмитӣбю.
Ё!"\u2116;%:?*()ҒӮ ЙҚУКЕНГШҲЗХЪ ФҶВАПРОЛДЖЭ /ЯЧСМИТӢБЮ,

Georgian
\u201e1234567890-=
\u10e5\u10ec\u10d4\u10e0\u10e2\u10e7\u10e3\u10d8\u10dd\u10de[]
\u10d0\u10e1\u10d3\u10e4\u10d2\u10f0\u10ef\u10d9\u10da;'
\\\u10d6\u10ee\u10ea\u10d5\u10d1\u10dc\u10db,./
\u201c!@#$%^&*()_+ Q\u10edE\u10e6\u10d7YUIOP{} A\u10e8DFGH\u10dfKL:" |\u10ebX\u10e9VBNM<>?

Armenian
\u055d\u0586\u0571\u058a,\u0589\u055e\u2024\u055b)\u0585\u0567\u0572
\u0573\u0583\u0562\u057d\u0574\u0578\u0582\u056f\u0568\u0569\u056e\u0581
\u057b\u057e\u0563\u0565\u0561\u0576\u056b\u057f\u0570\u057a\u0580
»\u056a\u0564\u0579\u0575\u0566\u056c\u0584\u056d\u0577\u057c
\u055c\u0556\u0541\u2014$\u2026%\u0587\u055a(\u0555\u0537\u0542
\u0543\u0553\u0532\u054d\u0544\u0548\u0552\u053f\u0538\u0539\u053e\u0551
\u054b\u054e\u0533\u0535\u0531\u0546\u053b\u054f\u0540\u054a\u0550
«\u053a\u0534\u0549\u0545\u0536\u053c\u0554\u053d\u0547\u054c

Hebrew
;1234567890-=
/'\u05e7\u05e8\u05d0\u05d8\u05d5\u05df\u05dd\u05e4][
\u05e9\u05d3\u05d2\u05db\u05e2\u05d9\u05d7\u05dc\u05da\u05e3,
\\\u05d6\u05e1\u05d1\u05d4\u05e0\u05de\u05e6\u05ea\u05e5.
~!@#$%^&*)(_+ QWERTYUIOP}{ ASDFGHJKL:" |ZXCVBNM><?

Arabic
\u06301234567890-=
\u0636\u0635\u062b\u0642\u0641\u063a\u0639\u0647\u062e\u062d\u062c\u062f
\u0634\u0633\u064a\u0628\u0644\u0627\u062a\u0646\u0645\u0643\u0637
\\\u0626\u0621\u0624\u0631\ufefb\u0649\u0629\u0648\u0632\u0638
\u0651!@#$%^&*)(_+
\u064e\u064b\u064f\u064c\ufef9\u0625`÷×\u061b<>
\u0650\u064d][\ufef7\u0623\u0640\u060c/:"
\u2026~\u0652}{\ufef5\u0622',.\u061f

Persian
\u200d\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9\u06f0-=
\u0636\u0635\u062b\u0642\u0641\u063a\u0639\u0647\u062e\u062d\u062c\u0686
\u0634\u0633\u06cc\u0628\u0644\u0627\u062a\u0646\u0645\u06a9\u06af
\\\u0638\u0637\u0632\u0631\u0630\u062f\u067e\u0648./
÷!\u066c\u066b\ufdfc\u066a×\u060c*)(\u0640+
\u0652\u064c\u064d\u064b\u064f\u0650\u064e\u0651][}{
\u0624\u0626\u064a\u0625\u0623\u0622\u0629»«:\u061b
|\u0643\u0653\u0698\u0670\u200c\u0654\u0621><\u061f

Urdu
\u064b1234567890-=
\u0642\u0648\u0639\u0631\u062a\u06d2\u0621\u06cc\u06c1\u067e][
\u0627\u0633\u062f\u0641\u06af\u062d\u062c\u06a9\u0644\u061b'
\\\u0632\u0634\u0686\u0637\u0628\u0646\u0645\u060c\u06d4/
~!@#$%^&*)(_+
\u0652\u0624\u0670\u0691\u0679\u064e\u0626\u0650\u06c3\u064f}{
\u0622\u0635\u0688\u0651\u063a\u06be\u0636\u062e\u0654:"
|\u0630\u0698\u062b\u0638.\u06ba\u0658<>\u061f

Hindi
\u094a\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f\u0966-\u0943
\u094c\u0948\u093e\u0940\u0942\u092c\u0939\u0917\u0926\u091c\u0921\u093c
\u094b\u0947\u094d\u093f\u0941\u092a\u0930\u0915\u0924\u091a\u091f
\u0949\u0946\u0902\u092e\u0928\u0935\u0932\u0938,.\u092f
\u0912\u090d\u0945#$%^&*()\u0903\u090b
\u0914\u0910\u0906\u0908\u090a\u092d\u0919\u0918\u0927\u091d\u0922\u091e
\u0913\u090f\u0905\u0907\u0909\u092b\u0931\u0916\u0925\u091b\u0920
\u0911\u090e\u0901\u0923\u0929\u0934\u0933\u0936\u0937\u0964\u095f

Bengali
`\u09e7\u09e8\u09e9\u09ea\u09eb\u09ec\u09ed\u09ee\u09ef\u09e6-=
\u0999\u09af\u09a1\u09aa\u099f\u099a\u099c\u09b9\u0997\u09dc[]
\u09c3\u09c1\u09bf\u09ac\u09cd\u09be\u0995\u09a4\u09a6;'
\\\u0981\u09cb\u09c7\u09b0\u09a8\u09b8\u09ae,./
~!@#$%^&*()_+
\u0982\u09df\u09a2\u09ab\u09a0\u099b\u099d\u099e\u0998\u09dd{}
\u09d7\u09c2\u09c0\u09ad\u0964\u0985\u0996\u09a5\u09a7:"
|\u0983\u09cc\u09c8\u09b2\u09a3\u09b7\u09b6<>?

Nepali
\u093d\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f\u0966-\u200d
\u091f\u094c\u0947\u0930\u0924\u092f\u0941\u093f\u094b\u092a\u0907\u090f
\u093e\u0938\u0926\u0909\u0917\u0939\u091c\u0915\u0932;'
\u0950\u0937\u0921\u091a\u0935\u092c\u0928\u092e,\u0964\u094d
\u093c!@#$%^&*()\u0952\u200c
\u0920\u0914\u0948\u0943\u0925\u091e\u0942\u0940\u0913\u092b\u0908\u0910
\u0906\u0936\u0927\u090a\u0918\u0905\u091d\u0916\u0965:"
\u0903\u090b\u0922\u091b\u0901\u092d\u0923\u0902\u0919.?

Sinhala
`1234567890-=
\u0d8d\u0d87\u0d91\u0dbb\u0dad\u0dba\u0d8b\u0d89\u0d94\u0db4[]
\u0d85\u0dc3\u0daf\u0dc6\u0d9c\u0dc4\u0da2\u0d9a\u0dbd;'
\\\u0da4\u0db3\u0da0\u0dc0\u0db6\u0db1\u0db8,./
~!@#$%^&*()_+
\u0d8e\u0d88\u0d92\u0dca\u0dae\u0dca\u0d8c\u0d8a\u0d95\u0db5{}
\u0d86\u0dc1\u0db0F\u0d9d\u0d83\u0da3\u0d9b\u0dc5:"
|\u0da5\u0dac\u0da1V\u0db7\u0dab\u0db9<>?

Thai
_\u0e45/-\u0e20\u0e16\u0e38\u0e36\u0e04\u0e15\u0e08\u0e02\u0e0a
\u0e46\u0e44\u0e33\u0e1e\u0e30\u0e31\u0e35\u0e23\u0e19\u0e22\u0e1a\u0e25
\u0e1f\u0e2b\u0e01\u0e14\u0e40\u0e49\u0e48\u0e32\u0e2a\u0e27\u0e07
\u0e03\u0e1c\u0e1b\u0e41\u0e2d\u0e34\u0e37\u0e17\u0e21\u0e43\u0e1d
%+\u0e51\u0e52\u0e53\u0e54\u0e39\u0e3f\u0e55\u0e56\u0e57\u0e58\u0e59
\u0e50"\u0e0e\u0e11\u0e18\u0e4d\u0e4a\u0e13\u0e2f\u0e0d\u0e10,
\u0e24\u0e06\u0e0f\u0e42\u0e0c\u0e47\u0e4b\u0e29\u0e28\u0e0b.
\u0e05()\u0e09\u0e2e\u0e3a\u0e4c?\u0e12\u0e2c\u0e26

Lao
\u200d\u0ea2\u0e9f\u0ec2\u0e96\u0eb8\u0eb9\u0e84\u0e95\u0e88\u0e82\u0e8a\u0ecd
\u0ebb\u0ec4\u0eb3\u0e9e\u0eb0\u0eb4\u0eb5\u0ea3\u0e99\u0e8d\u0e9a\u0ea5
\u0eb1\u0eab\u0e81\u0e94\u0ec0\u0ec9\u0ec8\u0eb2\u0eaa\u0ea7\u0e87
\u0edc\u0e9c\u0e9b\u0ec1\u0ead\u0eb6\u0eb7\u0e97\u0ea1\u0ec3\u0e9d
\ufffd\u0ed1\u0ed2\u0ed3\u0ed4\u0ecc\u0ebc\u0ed5\u0ed6\u0ed7\u0ed8\u0ed9\ufffd
\ufffd\u0ed0\ufffd_+\ufffd\ufffd\u0eae\ufffd\u0ebd-}
\ufffd;.,:\u0eca\u0ecb!?%=
\u0edd\u20ad(\u0eaf\ufffd\ufffd\ufffd\u0ec6`$)

Khmer
«\u17e1\u17e2\u17e3\u17e4\u17e5\u17e6\u17e7\u17e8\u17e9\u17e0\u17a5\u17b2
\u1786\u17b9\u17c1\u179a\u178f\u1799\u17bb\u17b7\u17c4\u1795\u17c0\u17aa
\u17b6\u179f\u178a\u1790\u1784\u17a0\u17d2\u1780\u179b\u17be\u17cb
\u17ae\u178b\u1781\u1785\u179c\u1794\u1793\u1798\u17fc\u17d4\u17ca
»!\u17d7"\u17db%\u17cd\u17d0\u17cf()\u17cc=
\u1788\u17ba\u17c2\u17ac\u1791\u17bd\u17bc\u17b8\u17c5\u1797\u17bf\u17a7
\u17ff\u17c3\u178c\u1792\u17a2\u17c7\u1789\u1782\u17a1\u17fe\u17c9
\u17ad\u178d\u1783\u1787\u17fd\u1796\u178e\u17c6\u17fb\u17d5?

Burmese
`\u1041\u1042\u1043\u1044\u1045\u1046\u1047\u1048\u1049\u1040-=
\u1006\u1010\u1014\u1019\u1021\u1015\u1000\u1004\u101e\u1005\u101f\u1029
\u1031\u103b\u102d\u103a\u102b\u1037\u103c\u102f\u1030\u1038'
\u104f\u1016\u1011\u1001\u101c\u1018\u100a\u102c,./
\u100e\u100d\u1052\u100b$%^\u101b*()_+
\u1008\u101d\u1023\u104e\u1024\u104c\u1025\u104d\u103f\u100f\u1027\u102a
\u1017\u103e\u102e\u1039\u103d\u1036\u1032\u1012\u1013\u1002"
\\\u1007\u100c\u1003\u1020\u101a\u1009\u1026\u104a\u104b?

Japanese
\ufffd1234567890-^ qwertyuiop@[ asdfghjkl;: ]zxcvbnm,./
\ufffd!"#$%&'()~=~ QWERTYUIOP`{ ASDFGHJKL+* }ZXCVBNM<>?

Canadian French
#1234567890-= qwertyuiop\u0302\u0327 asdfghjkl;\u0300 <zxcvbnm,.é
|!"/$%?&*()_+ QWERTYUIOP\u0302\u0308 ASDFGHJKL:\u0300 >ZXCVBNM'.É

Canadian Multilingual
/1234567890-= qwertyuiop\u0302ç asdfghjkl;è àzxcvbnm,.é
\\!@#$%?&*()_+ QWERTYUIOP\u0308Ç ASDFGHJKL:È ÀZXCVBNM'"É

US International
\u03001234567890-= qwertyuiop[] asdfghjkl;\u0301 \\zxcvbnm,./
\u0303!@#$%\u0302&*()_+ QWERTYUIOP{} ASDFGHJKL:\u0308 |ZXCVBNM<>?

US Dvorak
`1234567890[] ',.pyfgcrl/= aoeuidhtns- \\;qjkxbmwvz
~!@#$%^&*(){} "<>PYFGCRL?+ AOEUIDHTNS_ |:QJKXBMWVZ

US Colemak
`1234567890-= qwfpgjluy;[] arstdhneio' \\zxcvbkm,./
~!@#$%^&*()_+ QWFPGJLUY:{} ARSTDHNEIO" |ZXCVBKM<>?

Amharic
\ufffd\u1369\u136a\u136b\u136c\u136d\u136e\u136f\u1370\u1371\u137b-=
\u1240\u12c8\ufe69\u1228\u1270\u12e8\ufe75\ufe71\ufe73\u1350\u1340\u1328
\ufe67\u1230\u12f0\u1348\u1308\u1200\u1300\u12a8\u1208\u1362\u1366
\ufffd\u12d8\u12a0\u1278\u1238\u1260\u1290\u1218\u1363\u1364\u1367
\ufffd\u1372\u1373\u1374\u1375\u1376\u1377\u1378\u1379\u137a\u137c_+
\u1250\ufffd\ufe70\ufffd\u1320\ufffd\ufe76\ufe72\ufe74\u1330\u1338\u1280
\ufe68\u1220\u12f8\ufffd\u1318\u1210\ufffd\u12b8\ufffd\u1361\u1365
\u2010\u12e0\u12d0\ufe78\u1268\ufffd\u1298\ufffd\ufffd\ufffd?
"""

_KEYS = {name: "".join(keys.split()) for name, _, keys in (row.partition("\n") for row in _TABLE.split("\n\n"))}

US = _KEYS.pop("US")
"""What the keys mean: 47 characters without and 47 with Shift."""

ROWS = _KEYS
"""The same 94 characters under each layout, by its name."""
