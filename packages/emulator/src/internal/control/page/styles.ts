/** The look of the console: plain, light or dark as the system has it, one column on a phone. */
export const styles = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f8; --paper: #fff; --ink: #1c2024; --quiet: #5c6670; --line: #d9dee3;
  --accent: #1f5fd0; --on-accent: #fff; --hover: #eef2f7;
  --good: #14743a; --bad: #b3261e; --warn: #8a5a00; --info: #1f5fd0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --paper: #1c2024; --ink: #e4e8ec; --quiet: #9aa5b1; --line: #343b42;
    --accent: #7fb0ff; --on-accent: #10131a; --hover: #272d33;
    --good: #6fd08c; --bad: #ff8f87; --warn: #f0c060; --info: #7fb0ff;
  }
}
* { box-sizing: border-box; }
html { font: 14px/1.45 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
body { margin: 0; background: var(--ground); color: var(--ink); display: flex; flex-direction: column; height: 100dvh; }
h1, h2, h3, p, ul, dl { margin: 0; padding: 0; }
h1 { font-size: 1.15rem; } h2 { font-size: 1.05rem; } h3 { font-size: .95rem; margin-top: 1rem; }
ul { list-style: none; }
[hidden] { display: none !important; }
pre { margin: .3rem 0; padding: .6rem; overflow: auto; max-height: 24rem; background: var(--ground); border: 1px solid var(--line);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
button, input, select, textarea { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
  border-radius: 6px; padding: .25rem .6rem; min-height: 2.15rem; max-width: 100%; }
code, pre, textarea, time, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .92em; }
button { cursor: pointer; }
button:hover { background: var(--hover); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:disabled { opacity: .55; cursor: progress; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .3rem; font-size: .85em; }
.hint { color: var(--quiet); overflow-wrap: anywhere; }
.badge { border: 1px solid var(--line); border-radius: 10px; padding: 0 .5rem; font-size: .88em; white-space: nowrap; }
.badge:empty { display: none; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.buttons { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .4rem; }
.end { margin-left: auto; }
.line { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem; }
.inline { display: flex; gap: .4rem; margin-top: .3rem; }
.inline input { flex: 1; min-width: 0; }
output { display: block; overflow-wrap: anywhere; }
output:not(:empty) { margin-top: .4rem; }
#app-result:not(:empty) { position: sticky; bottom: 0; padding: .4rem .6rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: 6px; }

header { font-size: .93rem; display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .9rem; padding: .5rem 1rem; background: var(--paper);
  border-bottom: 1px solid var(--line); }
header .clock { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .6rem; }
header .buttons { margin-top: 0; }
header .inline { margin: 0; }
header button, header input { padding: .15rem .5rem; min-height: 1.9rem; }
header .inline input { width: 7rem; }
#base-url { user-select: all; }
#connection::before { content: ""; display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin-right: .4rem;
  background: var(--warn); }
#connection[data-state=connected]::before { background: var(--good); }
#connection[data-state=disconnected]::before { background: var(--bad); }

main { flex: 1; min-height: 0; display: grid; grid-template-columns: 23rem minmax(0, 1fr); position: relative; }
.side { overflow: auto; padding: 1rem; border-right: 1px solid var(--line); display: flex; flex-direction: column; gap: 1.4rem; }
#first-steps { border: 1px solid var(--accent); border-radius: 8px; padding: .8rem; background: var(--paper); overflow-wrap: anywhere; }
#first-steps p { margin-top: .4rem; }
#apps { max-height: 14rem; overflow: auto; margin: .4rem 0; }
#apps button { display: block; width: 100%; text-align: left; margin: 2px 0; overflow-wrap: anywhere; }
#apps button[aria-current=true] { border-color: var(--accent); box-shadow: inset 3px 0 var(--accent); }
#apps small { color: var(--quiet); display: block; }
.chips { display: flex; flex-wrap: wrap; gap: .3rem; }
.chips li { border: 1px solid var(--line); border-radius: 6px; display: flex; align-items: center; padding-left: .5rem;
  overflow-wrap: anywhere; }
.chips button { border: 0; background: none; }
.secrets li { font-size: .93em; display: flex; flex-wrap: wrap; gap: 0 .6rem; }
.secrets .rest { margin-left: auto; color: var(--quiet); font-variant-numeric: tabular-nums; }
#faults li { border-left: 3px solid var(--warn); padding-left: .5rem; margin: .3rem 0; overflow-wrap: anywhere; }

.traffic { container-type: inline-size; min-width: 0; min-height: 0; display: flex; flex-direction: column; background: var(--paper); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem; padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
.bar h2 { margin-right: auto; overflow-wrap: anywhere; min-width: 0; }
.bar output:not(:empty) { flex-basis: 100%; margin: 0; }
#rows { flex: 1; min-height: 0; overflow: auto; contain: strict; }
#rows:focus-visible { outline-offset: -2px; }
#rows:empty { flex: 0 0 1px; }
#rows:not(:empty) + #rows-empty { display: none; }
#rows-empty { padding: 1rem; }
#rows li { display: grid; grid-template-columns: 6.8rem 1rem minmax(0, 1fr) minmax(0, 9rem) minmax(0, 11rem) 4.5rem; gap: .6rem;
  align-items: center; padding: 0 1rem; height: 2.1rem; border-bottom: 1px solid var(--line); cursor: pointer;
  content-visibility: auto; contain-intrinsic-size: auto 2.1rem; }
#rows li > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#rows li:hover { background: var(--hover); }
#rows li[aria-selected=true] { background: var(--hover); box-shadow: inset 3px 0 var(--accent); }
#rows .time, #rows .of, #rows .took { color: var(--quiet); font-variant-numeric: tabular-nums; }
#rows .took { text-align: right; }
@container (max-width: 700px) {
  #rows li { grid-template-columns: 1rem minmax(0, 1fr) auto; height: 3.4rem; contain-intrinsic-size: auto 3.4rem; gap: 0 .6rem;
    align-content: center; }
  #rows .way { grid-area: 1 / 1; } #rows .what { grid-area: 1 / 2; } #rows .outcome { grid-area: 1 / 3; text-align: right; }
  #rows .time { grid-area: 2 / 2; } #rows .took { grid-area: 2 / 3; } #rows .of { display: none; }
}

#details { position: absolute; inset: 0 0 0 auto; width: min(34rem, 100%); overflow: auto; background: var(--paper);
  border-left: 1px solid var(--line); box-shadow: -6px 0 18px rgb(0 0 0 / 12%); }
#details:focus-visible { outline-offset: -2px; }
#details .bar { position: sticky; top: 0; background: var(--paper); z-index: 1; }
#details-body { padding: .6rem 1rem 2rem; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .15rem .8rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--quiet); margin-top: .3rem; }

dialog { border: 1px solid var(--line); border-radius: 10px; background: var(--paper); color: var(--ink); padding: 1.2rem;
  width: min(44rem, calc(100vw - 1rem)); max-height: calc(100dvh - 1rem); }
dialog::backdrop { background: rgb(0 0 0 / 40%); }
#reset, #help { width: min(28rem, calc(100vw - 1rem)); }
#help dl { margin-top: .8rem; }
dialog label { display: block; margin-top: .6rem; }
dialog label > :not(span) { display: block; width: 100%; }
textarea { resize: vertical; }
.fields { display: flex; flex-wrap: wrap; align-items: end; gap: 0 .6rem; }
.fields label { flex: 1 1 8rem; min-width: 0; } .fields .wide { flex: 3 1 14rem; }
.toast { border: 1px solid; border-left-width: 5px; border-radius: 6px; padding: .5rem .8rem; margin: .4rem 0; overflow-wrap: anywhere; }
.toast.info { border-color: var(--info); } .toast.success { border-color: var(--good); }
.toast.warning { border-color: var(--warn); } .toast.error { border-color: var(--bad); }
.toast b { margin-right: .5rem; }
#send-result:not(:empty) { margin-top: .8rem; }

@media (min-width: 1250px) {
  main:has(#details:not([hidden])) { grid-template-columns: 23rem minmax(0, 1fr) 32rem; }
  #details { position: static; box-shadow: none; width: auto; }
}
@media (max-width: 699px) {
  body { height: auto; display: block; }
  main { display: block; }
  .side { border-right: 0; }
  .end { margin-left: 0; }
  #rows { flex: none; height: 80dvh; }
  #rows:empty { height: 1px; }
  #details { position: fixed; inset: 0; width: auto; border: 0; z-index: 2; }
}
@media (prefers-reduced-motion: no-preference) { button, #rows li { transition: background-color .1s; } }
`
