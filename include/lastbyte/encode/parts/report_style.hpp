// How a report looks: one style sheet, for 320 px and up, light and dark, screen and paper.
//
// The page must open from a mail or a file share years later, so it asks nobody for anything: no script, no font, no
// image, and a Content-Security-Policy under which a browser would refuse them. Every text has a contrast of 4.5 : 1 or
// more on its ground; colours only repeat what a word beside them says.
#pragma once

#include <string_view>

namespace lastbyte::detail {

inline constexpr std::string_view report_policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

inline constexpr std::string_view report_style = R"css(
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2126;--soft:#59616b;--line:#e4e6e9;--track:#f0f1f3;--mark:#f7f8f9;
--accent:#1f5fa8;--bad:#b3372b;--c0:#3572b8;--c1:#3aa394;--c2:#e2a63b;--c3:#8d6fc4;--c4:#7d9440;--c5:#d2663f;--c6:#b7587f;
--c7:#5f8499;--none:#939ba4;--open:#c6cbd1;--edge:#1c212638}
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--ink:#e7e9ec;--soft:#a3abb5;--line:#2b3137;--track:#22272c;
--mark:#1a1e22;--accent:#7fb2ec;--bad:#f08a7c;--c0:#5b97dd;--c1:#4db8a8;--c2:#e6b35a;--c3:#a48adb;--c4:#97ae58;--c5:#e07f5b;
--c6:#cf7599;--c7:#7a9fb4;--none:#848d97;--open:#565f68;--edge:#000a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
Cantarell,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums lining-nums}
header,main,footer{max-width:1200px;margin:0 auto;padding:0 32px}
header{padding-top:48px}
h1{font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.012em;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;line-height:1.3;font-weight:620;letter-spacing:-.005em;margin:0 0 4px}
h3{font-size:13px;font-weight:600;margin:0;color:var(--soft)}
p{margin:0;max-width:88ch;text-wrap:pretty}
.lead,header p{color:var(--soft)}
header p{margin-top:6px}
section{margin-top:56px}
.lead{margin-bottom:20px}
.key{display:grid;grid-template-columns:repeat(4,1fr);gap:24px 28px;margin:36px 0 0;padding:20px 0;
border:solid var(--line);border-width:1px 0}
.key dt{font-size:13px;color:var(--soft)}
.key dd{margin:2px 0 0;font-size:24px;line-height:1.25;font-weight:600;letter-spacing:-.01em}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:0 0 16px;padding:0;font-size:13px}
.legend b{font-weight:600;margin-left:4px}
.s{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:7px;background:currentColor;flex:none}
svg{display:block;width:100%}
rect,line{shape-rendering:crispEdges}
.bar{height:22px}
)css"
R"css(.t0{fill:var(--c0);color:var(--c0)}.t1{fill:var(--c1);color:var(--c1)}.t2{fill:var(--c2);color:var(--c2)}
.t3{fill:var(--c3);color:var(--c3)}.t4{fill:var(--c4);color:var(--c4)}.t5{fill:var(--c5);color:var(--c5)}
.t6{fill:var(--c6);color:var(--c6)}.t7{fill:var(--c7);color:var(--c7)}.tn{fill:var(--none);color:var(--none)}
.tu{fill:var(--open);color:var(--open)}.all{fill:var(--soft);color:var(--soft)}
.gap{stroke:var(--ground);stroke-width:1;vector-effect:non-scaling-stroke}
.grid{stroke:var(--line);vector-effect:non-scaling-stroke}
.first{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 2;vector-effect:non-scaling-stroke}
.at{stroke:var(--ink);stroke-width:2;vector-effect:non-scaling-stroke}
.bg{fill:var(--track)}
.hit{fill:none;pointer-events:all}
.line{fill:none;stroke:var(--accent);stroke-width:2;vector-effect:non-scaling-stroke}
.plots{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:0 12px}
.plots h3{grid-column:1/-1;margin:16px 0 6px}
.plots h3:first-child{margin-top:0}
.y,.x{display:flex;justify-content:space-between;font-size:12px;line-height:1;color:var(--soft)}
.y{flex-direction:column;text-align:right}
.x{grid-column:2;margin-top:8px}
.tall{height:190px}.low{height:56px}
.scroll{overflow-x:auto;background:linear-gradient(to left,var(--ground) 12px,transparent) right/24px 100% no-repeat local,
linear-gradient(to left,var(--edge),transparent) right/10px 100% no-repeat}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:14px}
caption{text-align:left;color:var(--soft);font-size:13px;padding:0 0 8px}
th,td{padding:6px 0 6px 24px;text-align:right;white-space:nowrap;font-weight:400;vertical-align:middle}
th:first-child{text-align:left;padding:6px 16px 6px 0;position:sticky;left:0;background:var(--ground)}
th:nth-child(2),td:nth-child(2){padding-left:8px}
thead th{font-size:12.5px;color:var(--soft);border-bottom:1px solid var(--line);vertical-align:bottom}
tbody+tbody tr:first-child>*{border-top:1px solid var(--line)}
.tool>*{font-weight:600}
.tool th,.name{white-space:normal}
.tool th>*,.name>*{display:inline-block;width:max-content;max-width:260px;overflow-wrap:anywhere}
.rows tbody tr+tr>*{border-top:1px solid var(--line)}
.zero{color:var(--soft)}
.bad{color:var(--bad)}
.range{min-width:190px;width:26%}
.range svg{height:16px}
.ends{display:flex;justify-content:space-between;gap:12px}
.bar{margin:6px 0 8px}
.wrong{font-size:24px;line-height:1.3;font-weight:600;letter-spacing:-.01em;margin:12px 0 20px}
details>summary{cursor:pointer}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.more{margin-top:16px;font-size:14px}
.more>summary{color:var(--accent);width:fit-content}
.more>div{margin-top:12px}
)css"
R"css(.trace{border-top:1px solid var(--line)}
.trace:last-child{border-bottom:1px solid var(--line)}
.trace>summary{display:grid;gap:0 16px;align-items:center;padding:10px 0;list-style:none;
grid-template-columns:14px 84px minmax(90px,1.1fr) minmax(110px,1fr) minmax(110px,1fr) max-content}
.trace>summary::-webkit-details-marker{display:none}
.trace>summary::before{content:"";width:7px;height:7px;border:solid var(--soft);border-width:0 1.5px 1.5px 0;
transform:rotate(-45deg)}
.trace[open]>summary::before{transform:rotate(45deg)}
.trace>summary:hover{background:var(--mark)}
.trace .took{font-weight:600;text-align:right}
.trace .when{color:var(--soft)}
.cut{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.inside{padding:4px 0 24px 30px}
.facts{display:flex;flex-wrap:wrap;gap:4px 28px;margin:0 0 16px;font-size:13px}
.facts div{display:flex;gap:6px;min-width:0}
.facts dt{color:var(--soft);white-space:nowrap}
.facts dd{margin:0;overflow-wrap:anywhere}
.fall{list-style:none;margin:0;padding:0;font-size:13.5px}
.fall li{display:grid;grid-template-columns:minmax(0,32%) minmax(0,1fr) 76px;gap:0 16px;align-items:center;padding:3px 0}
.fall .took{font-weight:400}
.fall .cut{white-space:normal;overflow-wrap:anywhere}
.fall svg{height:14px}
.fall .note{grid-column:1/-1;color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
.src{color:var(--soft)}
.d1{padding-left:16px}.d2{padding-left:32px}.d3{padding-left:48px}.d4{padding-left:64px}
.fall .axis{color:var(--soft);font-size:12px;padding-bottom:6px}
.out{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:0 48px;margin:0;font-size:14px}
.out div{display:flex;justify-content:space-between;gap:16px;padding:6px 0;border-bottom:1px solid var(--line)}
.out dt{color:var(--soft)}
.out dd{margin:0}
.hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{margin-top:56px;padding-top:20px;padding-bottom:48px;color:var(--soft);font-size:13px}
@media (min-width:1100px){.key{grid-template-columns:repeat(8,auto);justify-content:space-between}}
@media (max-width:1000px){.scroll{margin:0 -32px}th:first-child{padding-left:32px}
th:last-child,td:last-child{padding-right:32px}}
@media (max-width:640px){header,main,footer{padding-left:16px;padding-right:16px}header{padding-top:28px}h1{font-size:24px}
section{margin-top:44px}.key{grid-template-columns:1fr 1fr;gap:16px 20px;margin-top:24px}.key dd{font-size:20px}
th,td{padding-left:18px}.tool th>*,.name>*{max-width:136px}.tall{height:150px}
.scroll{margin:0 -16px}th:first-child{padding-left:16px}th:last-child,td:last-child{padding-right:16px}
.wrong{font-size:19px}
.trace>summary{grid-template-columns:10px 72px minmax(0,1fr) max-content;gap:0 12px}.trace .end{grid-area:2/3}
.trace .when{grid-area:2/4;text-align:right}.inside{padding-left:0}
.fall li{grid-template-columns:minmax(0,1fr) max-content;gap:2px 12px;padding:5px 0}.fall .t{grid-column:1/-1;grid-row:2}
.plots{gap:0 8px}}
@media print{.scroll{overflow:visible}section{break-inside:avoid}body{font-size:12px}}
)css";

}  // namespace lastbyte::detail
