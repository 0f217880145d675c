import { CLICK_GUARD_MS } from '../../../wire/oauth-limits.ts'

/** The app's look (web/styles, whose colours these are: `style.test.ts` compares them), as much of it as these pages need. */
export const STYLE = `
:root{color-scheme:light dark;
--paper:#faf9f7;--card:#ffffff;--well:#f4f2ee;--line:#e5e1da;--line-strong:#8a857b;--ink:#1a1917;--ink-quiet:#625e57;
--accent:#0b7a5c;--accent-strong:#086148;--accent-soft:#e3f2ec;--on-accent:#ffffff;--trouble:#b3261e;--trouble-soft:#fbeceb;--waiting:#9a6200;
--shadow:0 1px 2px rgb(40 30 10 / 4%), 0 8px 32px rgb(40 30 10 / 6%);
--sans:-apple-system,'Segoe UI Variable Text','Segoe UI',Roboto,'Helvetica Neue','Noto Sans','Liberation Sans',Arial,system-ui,sans-serif;
--mono:ui-monospace,'SF Mono','Cascadia Mono','Roboto Mono',Menlo,'Liberation Mono',Consolas,monospace;
--radius:14px;--radius-small:8px;--gap:clamp(1rem,3vw,1.5rem)}
@media(prefers-color-scheme:dark){:root{
--paper:#111413;--card:#191d1b;--well:#131614;--line:#2b302d;--line-strong:#7b837e;--ink:#eceeec;--ink-quiet:#a2aaa5;
--accent:#4fcea3;--accent-strong:#7adfbd;--accent-soft:#17302a;--on-accent:#06231a;--trouble:#ff8f85;--trouble-soft:#351b19;--waiting:#e5b04e;
--shadow:0 0 0 1px rgb(255 255 255 / 3%)}}
*,*::before,*::after{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:400 1.0625rem/1.55 var(--sans);-webkit-text-size-adjust:100%;scrollbar-gutter:stable}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column}
h1,h2,h3,p,ul,ol,dl,dd,fieldset{margin:0;padding:0;border:0;min-width:0}
ul,ol{list-style:none}
h1{font-size:clamp(1.5rem,1.2rem + 1.6vw,1.875rem);font-weight:680;line-height:1.18;letter-spacing:-.024em;text-wrap:balance;overflow-wrap:anywhere}
h1:lang(ja){word-break:auto-phrase}
h2{font-size:1.125rem;font-weight:650;line-height:1.3;letter-spacing:-.012em}
h3{font-size:1rem;font-weight:650;line-height:1.4;overflow-wrap:anywhere}
p{text-wrap:pretty}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
a:hover{color:var(--accent-strong);text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.quiet{color:var(--ink-quiet)}.small{font-size:.9375rem}.smaller{font-size:.875rem;line-height:1.5}.strong{font-weight:600}
.mono{font-family:var(--mono);font-size:.9em;overflow-wrap:anywhere}
.host{color:var(--accent);overflow-wrap:anywhere}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[hidden]{display:none!important}
.bar,.foot{width:100%;max-width:68rem;margin:0 auto;padding:0 clamp(1.25rem,5vw,3rem)}
.bar{display:flex;align-items:center;justify-content:space-between;gap:.5rem 1.25rem;min-height:4.5rem;padding-block:.75rem;flex-wrap:wrap}
.brand{color:var(--ink);text-decoration:none;display:inline-flex;align-items:center;gap:.5rem;font-size:1.125rem;font-weight:680;letter-spacing:-.02em}
.logo{color:var(--accent);flex:none}.logo-tab{fill:var(--paper)}
.bar-host{min-width:0;color:var(--ink-quiet);font-size:.875rem;overflow-wrap:anywhere}
.foot{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;justify-content:center;padding-bottom:2rem;font-size:.875rem}
.page{width:100%;max-width:33rem;margin:0 auto;padding:clamp(.25rem,4vh,3rem) clamp(1rem,4vw,1.5rem) 3rem;flex:1}
.page-wide{max-width:52rem}
.card{padding:clamp(1.25rem,5vw,2rem);border:1px solid var(--line);border-radius:var(--radius);background:var(--card);box-shadow:var(--shadow)}
.card + .card{margin-top:var(--gap)}
.stack{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
.card > .stack,.card > * + form{margin-top:1.25rem}
.head{display:grid;gap:.5rem;margin-bottom:1.5rem}
.who{display:flex;flex-wrap:wrap;align-items:center;gap:.75rem;padding:.625rem .75rem;border-radius:var(--radius-small);background:var(--well)}
.who > div{flex:1 1 8rem;min-width:0;line-height:1.35;overflow-wrap:anywhere}
.face{display:grid;place-items:center;flex:none;width:2.5rem;height:2.5rem;border-radius:50%;background:var(--accent-soft);color:var(--accent);font-weight:650}
.app{display:grid;place-items:center;flex:none;width:3.25rem;height:3.25rem;border-radius:14px;border:1px solid var(--line);background:var(--well);color:var(--ink-quiet);font-size:1.375rem;font-weight:650}
.asks{display:flex;margin-bottom:.5rem;gap:1rem;align-items:center}.asks > div{min-width:0}
.mark{display:inline-block;padding:0 .4375rem;border:1px solid var(--line);border-radius:1rem;color:var(--ink-quiet);font-size:.8125rem;line-height:1.5;white-space:nowrap}
.mark-wide{border-color:var(--waiting);color:var(--waiting)}
.mark-good{border-color:var(--accent);color:var(--accent)}
.gets{display:grid;border-top:1px solid var(--line)}
.gets > li{border-bottom:1px solid var(--line)}
.get{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 .75rem;padding:.75rem .125rem;cursor:pointer;align-items:start}
.get-fixed{cursor:default}
.get input,.get-dot{width:1.125rem;height:1.125rem;margin:.2em 0 0;accent-color:var(--accent)}
.get-dot{display:grid;place-items:center;color:var(--accent)}
[role=status]:empty{display:none}
.portrait{display:block;width:6rem;height:6rem;border-radius:50%;object-fit:cover;background:var(--well)}.lines{white-space:pre-line;overflow-wrap:anywhere}
.page-wide .head{gap:.875rem}
.page-wide .head > .who{width:fit-content;max-width:100%;padding-right:1.25rem}
.get small,.get ul{display:block;color:var(--ink-quiet);font-size:.875rem;line-height:1.5;overflow-wrap:anywhere}
.get li::before{content:'· '}
.get > span{overflow-wrap:anywhere}
legend{padding:0;margin-bottom:.5rem;font-weight:600}
label.name,.name{display:block;margin-bottom:.375rem;font-size:.9375rem;font-weight:600}
input[type=text],input[type=password],select{width:100%;min-height:2.875rem;padding:0 .875rem;border:1px solid var(--line-strong);border-radius:var(--radius-small);background:var(--card);color:inherit;font:inherit;font-size:1rem}
select{padding-right:.5rem}
input[type=text]:focus-visible,input[type=password]:focus-visible,select:focus-visible{border-color:var(--accent);outline:1px solid var(--accent);outline-offset:0}
[aria-invalid]{border-color:var(--trouble)!important}
.note{margin-top:.375rem;color:var(--ink-quiet);font-size:.875rem;line-height:1.5}
.alarm{padding:.75rem 1rem;border-radius:var(--radius-small);background:var(--trouble-soft);color:var(--trouble);font-size:.9375rem}
.head .done,.head .alarm{margin-bottom:.25rem}
.well{padding:.75rem 1rem;border-radius:var(--radius-small);background:var(--well);font-size:.9375rem}
.done{padding:.75rem 1rem;border-radius:var(--radius-small);background:var(--accent-soft);font-size:.9375rem}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem}
.buttons .button{flex:1 1 calc(50% - .375rem);padding-inline:.5rem;overflow-wrap:break-word}
.buttons-one .button{overflow-wrap:anywhere}
.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.875rem;padding:.5rem 1.25rem;border:1px solid var(--line-strong);border-radius:var(--radius-small);background:transparent;color:var(--ink);font:600 1rem/1.2 var(--sans);text-decoration:none;text-align:center;cursor:pointer;overflow-wrap:anywhere;transition:background-color 120ms,border-color 120ms}
.button:hover{border-color:var(--ink-quiet);background:var(--well);color:var(--ink)}
.button-main{border-color:var(--accent);background:var(--accent);color:var(--on-accent)}
.button-main:hover{border-color:var(--accent-strong);background:var(--accent-strong);color:var(--on-accent)}
.button-small{min-height:2.25rem;padding:.25rem .75rem;border-color:var(--line);font-size:.875rem}
.button-danger{color:var(--trouble)}
.button-danger:hover{border-color:var(--trouble);background:var(--trouble-soft);color:var(--trouble)}
.button-link{padding:.25rem 0;border:0;background:none;color:var(--accent);font:inherit;font-size:.9375rem;text-decoration:underline;text-decoration-thickness:1px;text-underline-offset:.18em;cursor:pointer}
.button[aria-disabled]{cursor:progress}
@media(scripting:none){.guarded .button{animation:guard ${CLICK_GUARD_MS}ms}@keyframes guard{from,to{pointer-events:none}}}
.or{display:flex;align-items:center;gap:.75rem;color:var(--ink-quiet);font-size:.875rem}
.or::before,.or::after{content:'';flex:1;border-top:1px solid var(--line)}
details{font-size:.9375rem}
summary{cursor:pointer;color:var(--ink-quiet);width:fit-content}
summary:hover{color:var(--ink)}
.facts{display:grid;gap:.625rem;margin-top:.75rem}
.facts dt{color:var(--ink-quiet);font-size:.8125rem}
.facts dd{font-size:.875rem;overflow-wrap:anywhere}
.nav{display:flex;flex-wrap:wrap;gap:.25rem}
.nav a{display:inline-flex;align-items:center;min-height:2.25rem;padding:0 .75rem;border-radius:var(--radius-small);color:var(--ink-quiet);font-size:.9375rem;font-weight:550;text-decoration:none}
.nav a:hover{background:var(--well);color:var(--ink)}
.nav [aria-current]{background:var(--accent-soft);color:var(--ink)}
.rows{margin-top:.75rem}
.rows > li{padding:.875rem 0;border-top:1px solid var(--line)}
.rows > li:last-child{padding-bottom:0}
.row{display:flex;align-items:flex-start;justify-content:space-between;gap:.75rem 1rem}
.row > div{min-width:0;overflow-wrap:anywhere}
.row form,.row > a{flex:none}
.row + details{margin-top:.375rem}
.inline{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.75rem}.inline input{flex:1 1 10rem;min-height:2.25rem;width:auto}
.plain{display:grid;gap:.25rem;margin-top:.5rem;padding-left:1.125rem;list-style:disc;font-size:.875rem}
.between{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem 1rem}
.times{width:100%;border-collapse:collapse;font-size:.9375rem;margin-top:.75rem}
.times th,.times td{padding:.5rem .75rem .5rem 0;border-top:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:anywhere}
.times th{color:var(--ink-quiet);font-size:.8125rem;font-weight:550;border-top:0}
.times td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--ink-quiet)}
@media(max-width:26rem){.row{flex-wrap:wrap}.times,.times tbody,.times tr,.times td{display:block}.times thead{display:none}.times tr{padding:.625rem 0;border-top:1px solid var(--line)}.times td{padding:0;border:0}.nav a{padding:0 .5rem}.buttons{gap:.5rem}.button{padding-inline:.75rem}}
@media(prefers-reduced-motion:reduce){*,*::before,*::after{transition:none!important}}
`
