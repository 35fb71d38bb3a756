"""What a Linux kernel (6.18) answered about links, addresses and routes: recorded with a veth in a namespace of its own."""

from __future__ import annotations

import base64
import zlib


def _recorded(*lines: str) -> bytes:
    return zlib.decompress(base64.b85decode("".join(lines)))


UP = _recorded(
    "c-rk&%W4!s6g^e_n4a;GQ3ec(I%3p_3xfuc7<Due6hstUxDetZ11`iMByLk=m4)OR;?{5Q3rs%2g-dba%7qK3+gnw)wY$3K5uNdc",
    "7kW-jcb!|eZryvjUk5-P5(2=>!}J5+)8kv_4p4!ICrdztJ$UZ{0nOGHU?1b0nHj;SUqN`z+>dac@etz?#><RHnKy|f(RiBqGmKXm",
    "Ta1_RIjIoN^8D-Ur)m5IIL7{t^Zm1oQwBrKGv461PZ_N7KJ8e38*k$P{uNuKQyjJJ#u>_~<Z+0nOV3u?D{V}92l0aLuV?ZMbE5eR",
    "8FWqbcvfb0I$B+;WqvkgjcUSpQw@q(*V3EG2<z*X^NIJ+Vul-MLbf?(=jySVsY2Zo(91oL;O@wC9)0K@tM=i>Eu5IqBR}fng`Uri",
    "`RQ7AJ$K%;@Ng3UZ6`KMHU6Vr)hJ;GRF&E$u(vPY#}(z{ntE5zZegl-t}a;5JUnkNKb}Hfze7jA!TS9+fYI-H)^Dq`-St}zNx!9|",
    "-;(uPuzrg^`aQF-vDtiR^*c#yM``^IIA0;-D=z%|^6%5{fcK&IFpBuI`d!C<R4K2zcI+9Q;IpzbhOO^AwL$c~p3(O$()TZSiu$hW",
    "y_dclef>#&7bS83PJK^%Vo|vI)7wG^@rU)0+v|lM5<82#m%fL;NZ)T8U($rE^<73PwwfrgO63sI6OG@$(IY6s30Vh|M1R}p>#pl-",
    "T(Qmy)T-o~{%Op=Gm8FnFKw0ht0@~>qgbV)ES}VNfL(@h)AiR{Gh^+qQ_cC4S%2H)Yn%P8(ZfPqE!9c=#L7CjxUiAL^u{RLS2ix)",
    "^V4*VlQ%ET8)59(O-2|)%(_Uq6Z#!0P3<_GapK61!!da$tZ@FjaGTWAGL|Vf$(`9C+>TemP5N@9@^x2XW486@n?wv6v*irJEylb`",
    "XXJ919d50q^PE4MlKP=%p%K$`?-TS!>#r{jgM+S_*4jwcR60k<<+rTwB37z2U!z#l?al0(quQt2$3tDy)V+P3WY<hEyz~4D^BEN{",
)
"""10.9.0.2/24 and fd09::2/64 on an interface that runs, and a default route."""

CABLE_OUT = _recorded(
    "c-rk&J#Q015PiGnJD<%*4rB=n1OyQvhyn{DgiHVfK>`UOkSJ0hg(8tC5D`*Bn^h_oD8C^E6~BRBK=KnPC=mq}1qJpoyE_MWdl!Fz",
    "&6gPI{ML8-W@l$--rZ{-h#(;VygW=lD0zB(+uQ-l@bF|A2(bt6J;0~g+I;L|ykTaBDABJVJZJ8QIL~;9@d)E(#-q%eMjUHA&HN_g",
    "RmK+MC47#{gtI*VI{TS4etaBbf5-X$S;mIJ0CS8tIqp*itGrJ;mfyzPIDmh}7U>knZM$)Xaw>To;OX+S)uq)XG`xd&LHFCKJj0x5",
    "_Cg9>6Fr_4Swu&xYqiMFrmRv;7;maZ5$jrdGaaJcwwzDAhZZy3IAgNS2|HJhRkH$hUqCN6FTvfB<vjYZbFA8j8@F&`Mvwfcj~9AA",
    "H&#m4vg^6?W`u{6_;175EY<jrc2%u_=~Go|o5J3{{1UFH60WItIqepvdc7#oGY`*~RvtHy)o<zOH(0;l`Y`%E$NFt`c4z&TBhqil",
    "`VH1^kM&!ye#<`k-CWq%oP22YJC1EfY5n#&UjgGQF8l}b@6&Ie_o4SNj`-919brEzlviCl_DoLj+1MGQ*7sp;5PgqQ`o2Z_{^f37",
    "-*vtB(s!e;KdJAcAnxC(?@3QA3Ri!6Ti_u6upV-IJ=a5GxVU@id+>|&{f_Y^O~_i`WvIGV69v|&971}c@%uM=2xT|{>tGz~ZySBx",
    "bA8nn>$gC)Laynb#_T&I?@#yAR)N2&va!|jRVs?&Nqqa*Wf-?yf30;h*8Vz`j6a$7w@tpb+21-n%*EAGoy1R9SqB#vHsUV5F^cw;",
    "j!XCa3|)2d<|TO}?0OK9$<GA3tc#R8q2Hm>)Q-cc6GwI&j>$V=ne)E`canNqb|sh_XU=R8ZpVxA+_*0{EM9jFHfCFYC3ALz#%wu*",
    "a64X(OK0SAR~&A&rSqIUn}YhGXMqvZWbae-M(eLHHG_k$nbg`?)>Jx2$mF-E??P6pBwyoL)9ualn&aB1+s7ka)6_lu$XPSS=+5&i",
    "_;eMA",
)
"""The other end of the cable is out; addresses and routes are still there."""

ADDRESS_GONE = _recorded(
    "c-rk&J#Q015PiFMXP-?V23Z1u03*JFD6jw_WC9oxB#;n-jv`VhVu=C~Atkh&Qn^6+4K5MCfr6U&Cs0r#3MvW;>|=IzoSgSAjtw?n",
    "Vx;q1-R``dot=5UHvv$Bh63>FF#W*y%=iw!0rK$hWElvt8y`I&pw-3#>=m5jl_7lkRfOmHeTWN!hXjuZUKKnlelv(;gJ;CQCU{-2",
    "E_elB<2>Q4tiLHd73K+WO!$t=`*VU-#vJAaZ%N#z8H;jGJJy@yHumFRu_e02N!t|8Qcksub9lP^Y_+l4K-D{lm-N1w$TRpx`yV9G",
    "H8o%^%Sv>$rdG3fTDnLz!E8~PA~v=3ZYD&tX??!P8S3KU#u<~frtMlYj%o!&4;0LH4>hDa`h6aK+CEmp;l{0;m@yzf(dSD8=h^(;",
    "UUols-9_c$6#m;NHcK`Bqg_?b@C>Lbjh(=r9sPY=i+tROKBTl;arMrXl<1j<=Z%%eRrKq3&e3m(e!maE`aLiDZFP2g{nlgBZ|&%}",
    "FZ!)Tzx59KU0YmlRTiv%$Fc1wqu+t#D-?V!g<tjlKK%~l9Oev@h(D>{CG10i@@i_w=I^BB(XJS`zK?3d=zA%l?;E7=-|nUL-PHRa",
    "eP@0BNqtutasN(z@Abrza`k7hg$};ee^!sUy`JhJHCo(*^gaAV`hJ(WG*_(AcO6DutC0#Xs2oC?F}U@O9wK6&oakU2n{ONQ+;_N&",
    "k>x6<t4d}0_qYS>VvpM{Uww_ohOblT<I_pLHgUCuZ;d8Xan++vkEa`1g3F8RahDW6$zytY!->n|djk#-o41)W>IvP|_THuuZ{?3L",
    "FM0I&Oex>Ww!UgO-;S5^rPy8H700(o;?%W&>+IXj&MVF3SQHG8=GvMXqEE_<!|vI;gNf`JnH-@nzghLjd&)P8n$VtZ%_jGp)H&Vy",
    "9_yZ5_f{5@d&U^weSQaQ@%AD",
)
"""10.9.0.2 was taken away."""

SWITCHED_OFF = _recorded(
    "c-rk&J#Q015PiFQYi~>-23Z0H0Y-cUD6jxg7y|)9frJor6i86S5(OecN@&^A1>!fj&TpWgM*IW{N<=|LK>;~tcjpp&?|iW#;Y*Bk",
    "eyhEGv$L}^&-Y3Lbw~&Rs|V-@iE`tceg>#Q;qek+uoE8?plP);jopmb{Yry`eg)xKKW}i3aX;fh#!HNcm^X(sb$F8bZN@8%^Nbhq",
    "C9M*6c>Oi@)AW8c4zs@_Jb#9<<*|YV#v2^>36C{CXBf-%@muW0zhaAYi`#9}I88Z~Jg(r$($kghN*66Pix)KC8^|;KjSfE;z}Q5|",
    "yCSR8)w)_O^3#_!stNDSHYj3OOK;{3dcDB;%x9QqMjU5K)}IM$-PpFLVDAdJ?e0l%cMNkLejFXE^AX1_qL@*VAN%P->3eTUwpZ9M",
    "UUyz79LIl~#5z>tKiXA|0;Z;_baoWGHsvR{Y!h6y?{nHMeD%tDre_Mzy33DR7}jqY={H!v-)VULUSRzWIy+jw<re9;Wc>!~w`Tp8",
    "tlw%A{cb;a*>Bzt`kkhsqnv(g&X-|a<-%{NzfZq4pTnJDJK`VI?>hEiit_4eC*<!K=P|6<YJH#7#?*IY`aXNg;Op(YzPoxa(|510",
    "KdJAcAnxC(?^#bQidcWj%|!TG{#iW|_j;~}#AI=o>AU$w`hLs%lD=Y{zDr}*!Z)tKb1DZzZyauXqZ?Sysjv>Fsr$BZ&z;Cu%?4kM",
    "d{v1ee&$<ahi7!?*+<^gdTdmCa!rQ(%pl!}ld#J1CdJ(5NUj)<`%UGz6no5Fj<_}JxER{EC?AIMk^M&se}~g!)MLZrcOTlc0s",
)
"""The interface was switched off."""
