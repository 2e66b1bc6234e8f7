import { createHash } from 'node:crypto';

/** Light, dark and print: print is light, as only screens have the dark colours. Words say all that colours say. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1b2027; --muted: #545e69; --line: #d3d9e0; --panel: #f4f6f8; --link: #0a57a4;
  --bad: #9d0f1c; --bad-back: #fdebec; --warn: #7d4300; --warn-back: #fff3df; --note: #1b4f83; --note-back: #e8f1fb; --open: #454e58; --open-back: #eceff2;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --back: #11151a; --text: #e3e8ed; --muted: #a6b0bb; --line: #333d48; --panel: #1a2027; --link: #82baff;
    --bad: #ff9ea5; --bad-back: #3b1519; --warn: #ffc57d; --warn-back: #37270c; --note: #9fcbff; --note-back: #15273b; --open: #c0cad4; --open-back: #252d36;
  }
}
* { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; background: var(--back); color: var(--text); }
body { max-width: 78rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: 1rem; top: -4rem; padding: .5rem 1rem; background: var(--back); border: 2px solid var(--link); }
.skip:focus { top: 1rem; }
h1, h2, h3 { line-height: 1.25; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 650; }
h1 code { font-size: .95em; }
h2 { margin: 2.75rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.2rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p { margin: .5rem 0; max-width: 60rem; }
.muted, caption, .none { color: var(--muted); }
.kicker { margin: 0 0 .25rem; color: var(--muted); font-size: .9rem; }
code { font: .86em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; white-space: pre-wrap; unicode-bidi: isolate; direction: ltr; background: var(--panel); padding: .05em .25em; border-radius: 3px; }
.verdict { margin: 1.25rem 0; padding: 1rem 1.25rem; border: 1px solid currentColor; border-left-width: .5rem; border-radius: 6px; }
.verdict p { color: var(--text); font-size: 1.02rem; }
.verdict .headline { font-size: 1.25rem; font-weight: 600; line-height: 1.35; }
.verdict .word { margin: 0; color: inherit; font-size: .95rem; font-weight: 700; letter-spacing: .06em; text-transform: uppercase; }
.level { display: inline-block; padding: 0 .5em; border: 1px solid currentColor; border-radius: 1em; font-size: .8em; font-weight: 600; white-space: nowrap; }
.malicious { color: var(--bad); background: var(--bad-back); }
.suspicious { color: var(--warn); background: var(--warn-back); }
.inconclusive { color: var(--open); background: var(--open-back); border-style: dashed; }
.no-findings, .notice { color: var(--note); background: var(--note-back); }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: .6rem 1.5rem; margin: 1rem 0; }
dl.facts div { min-width: 0; }
dt { color: var(--muted); font-size: .85rem; }
dd { margin: 0; }
dl.counts { grid-template-columns: repeat(auto-fill, minmax(min(11rem, 100%), 1fr)); }
dl.counts dd { font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums; }
dl.counts dd small { display: block; color: var(--muted); font-size: .8rem; font-weight: 400; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 1rem 0 0; padding: 0; list-style: none; font-size: .92rem; }
ol.looks { margin: 0; padding: 0; list-style: none; counter-reset: look; }
ol.looks li { position: relative; margin: 0 0 .75rem; padding: .1rem 0 .1rem 2.5rem; counter-increment: look; }
ol.looks li::before { content: counter(look); position: absolute; left: 0; top: .1rem; width: 1.7rem; border: 1px solid var(--line); border-radius: 50%; text-align: center; font-weight: 600; }
ol.looks p { margin: .1rem 0; }
ul.plain { margin: .5rem 0; padding-left: 1.2rem; }
ul.plain li { margin: .2rem 0; }
.scroll { overflow-x: auto; }
table { width: 100%; min-width: 46rem; border-collapse: collapse; table-layout: fixed; font-size: .9rem; }
caption { padding: .25rem 0 .5rem; text-align: left; font-size: .85rem; }
th, td { padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); font-size: .85rem; }
tbody th { font-weight: 400; }
td small, th small { display: block; color: var(--muted); font-size: .92em; }
td small.inline { display: inline; }
time { font-variant-numeric: tabular-nums; }
dl.wide { grid-template-columns: repeat(auto-fill, minmax(min(34rem, 100%), 1fr)); }
td.number, th.number { padding-right: 1.2rem; text-align: right; font-variant-numeric: tabular-nums; }
.w4 { width: 4.5rem; } .w6 { width: 6.5rem; } .w8 { width: 8.5rem; } .w11 { width: 11.5rem; } .w13 { width: 13.5rem; } .w18 { width: 18rem; } .w24 { width: 24rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--muted); font-size: .85rem; }
@page { size: A4; margin: 14mm 13mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #545e69; } @bottom-left { content: "podtriage report"; font: 8pt sans-serif; color: #545e69; } }
@media print {
  html { font-size: 8.5pt; }
  body { max-width: none; padding: 0; }
  nav, .skip { display: none; }
  .scroll { overflow: visible; }
  table { min-width: 0; }
  thead { display: table-header-group; break-inside: avoid; break-after: avoid; }
  tbody tr:first-child { break-before: avoid; }
  tr, li, dl div, .verdict { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  p { orphans: 3; widows: 3; }
  a { color: inherit; text-decoration: none; }
  .verdict, .level, code { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

const hash = createHash('sha256').update(style).digest('base64');

/** What a browser may do with the file: show it, in this one style. No script, no picture, no request, no form. */
export const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
