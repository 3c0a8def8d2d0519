#include "report_page.hpp"

namespace coulter::cli {

// Colours come in pairs, for light and dark surroundings; paper takes the light ones.
const char* report_style() {
    return R"css(
:root { color-scheme: light dark; --page: #f6f5f1; --card: #ffffff; --text: #1f2328; --faint: #5d646c; --line: #dedbd3;
  --track: #ece9e1; --plus: #1f7a8c; --minus: #b9541c; --good: #2c7a5b; --other: #8a9098;
  --parallel: #9a4f00; --vectorized: #1f6fb0; --unrolled: #2c7a5b; --block: #8a3fa0; --thread: #b0306a; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #15181c; --card: #1e2227; --text: #e4e6e8;
  --faint: #9aa2ab; --line: #30363d; --track: #2b3138; --plus: #45b5c9; --minus: #ef9350; --good: #5fbf97; --other: #7b838c;
  --parallel: #f0a85a; --vectorized: #74b8f0; --unrolled: #6cc9a0; --block: #cf9ae0; --thread: #f08cb4; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.25rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p { margin: .5rem 0 1rem; max-width: 50rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.lead, .faint { color: var(--faint); }
.small { font-size: .875rem; max-width: none; }
.signature { font-size: .875rem; overflow-wrap: anywhere; color: var(--faint); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0;
  padding: 0; list-style: none; }
.tiles li { padding: .9rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.3; }
.tiles span { color: var(--faint); font-size: .875rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 1.25rem 0 0; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.card { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 0 0 1rem; }
.card svg { display: block; width: 100%; height: auto; padding: .5rem; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .45rem .8rem; text-align: right; vertical-align: baseline; white-space: nowrap; }
th { color: var(--faint); font-weight: 500; border-bottom: 1px solid var(--line); }
tr + tr td { border-top: 1px solid var(--line); }
th.words, td.words { text-align: left; }
td.wrap { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
td code { font-size: .85rem; }
.meter { display: inline-block; width: 8rem; height: .55rem; background: var(--track); border-radius: .25rem; vertical-align: middle; }
.meter i { display: block; height: 100%; background: var(--plus); border-radius: .25rem; }
.meter .minus { background: var(--minus); }
pre { margin: 0; padding: .9rem 1.1rem; overflow-x: auto; font-size: .82rem; line-height: 1.5; tab-size: 4; }
.line b { display: inline-block; min-width: 2.6rem; padding-right: 1rem; text-align: right; font-weight: 400; color: var(--faint);
  user-select: none; }
.parallel, .vectorized, .unrolled, .gpu_block, .gpu_thread, .gpu_lane { font-weight: 600; }
.parallel { color: var(--parallel); } .vectorized { color: var(--vectorized); } .unrolled { color: var(--unrolled); }
.gpu_block { color: var(--block); } .gpu_thread, .gpu_lane { color: var(--thread); }
.stage { font-weight: 600; } .value, .note { color: var(--faint); } .note { font-style: italic; }
svg text { fill: var(--text); font: 12px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif; }
svg .faint { fill: var(--faint); }
svg .grid { stroke: var(--line); stroke-width: 1; fill: none; }
svg .roof { stroke: var(--other); stroke-width: 1.5; fill: none; }
svg .bound { stroke: var(--minus); stroke-width: 2.5; fill: none; }
svg .link { stroke: var(--plus); stroke-width: 1; fill: none; stroke-dasharray: 2 3; }
svg .dot { fill: var(--card); stroke: var(--plus); stroke-width: 2; }
svg .here { fill: var(--plus); stroke: var(--plus); }
svg .tried { fill: var(--other); }
svg .failed { stroke: var(--minus); stroke-width: 1.5; fill: none; }
svg .best { stroke: var(--plus); stroke-width: 2; fill: none; }
svg .now { stroke: var(--good); stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; }
svg .strong { font-weight: 600; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media screen { .long { max-height: 44rem; overflow: auto; } }
@media print { :root { --page: #ffffff; } body { max-width: none; padding: 0; font-size: 11pt; }
  h2, h3 { break-after: avoid; } .tiles li, tr, svg { break-inside: avoid; } .card { overflow: visible; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; } th, td { white-space: normal; } }
)css";
}

} // namespace coulter::cli
