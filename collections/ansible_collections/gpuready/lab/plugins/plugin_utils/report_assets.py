# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Style and script of the HTML report, inline so that the page is one file that can be mailed."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --wash: #f6f8fa; --link: #0550ae;
  --ready: #1a7f37; --degraded: #8a5a00; --not_ready: #b42318; --unknown: #6639ba; --unreachable: #57606a; --stale: #8a5a00; --skipped: #57606a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --line: #3d444d; --paper: #0d1117; --wash: #161b22; --link: #79c0ff;
  --ready: #56d364; --degraded: #e3b341; --not_ready: #ff938a; --unknown: #d2a8ff; --unreachable: #a3adb8; --stale: #e3b341; --skipped: #a3adb8 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
a { color: var(--link) }
h1 { margin: 0; font-size: 1.6rem } h2 { font-size: 1.25rem; margin: 1.5rem 0 .5rem } h3 { font-size: 1rem; margin: 0; display: inline }
h4 { font-size: .95rem; margin: .9rem 0 .25rem }
p { margin: .25rem 0 }
.headline { font-size: 1.15rem } .when, footer, .os, .none { color: var(--soft) } footer { margin-top: 1.5rem; font-size: .9rem }
.skip { position: absolute; left: -100rem } .skip:focus { position: static }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.banner { border: 2px solid var(--unknown); border-radius: .5rem; padding: .5rem .75rem; margin: .75rem 0 }
.counts { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .5rem; list-style: none; padding: 0; margin: 1rem 0 }
.counts li { border: 1px solid var(--line); border-left: .4rem solid; border-radius: .4rem; padding: .4rem .75rem; background: var(--wash) }
.counts b { font-size: 1.4rem } .counts small { display: block; color: var(--soft); line-height: 1.35 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; color: var(--soft); padding: .25rem 0 }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
thead th { background: var(--wash); white-space: nowrap }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: left }
th button::after { content: ' \\2195'; color: var(--soft) }
th[aria-sort=ascending] button::after { content: ' \\25b2' } th[aria-sort=descending] button::after { content: ' \\25bc' }
#table th:first-child { min-width: 6rem } #table td:last-child { min-width: 18rem; width: 45% } td code { display: block; font-size: .8rem; margin-top: .15rem; white-space: nowrap }
.badge { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .6rem; font-weight: 600; white-space: nowrap }
.tag { display: inline-block; border: 1px dashed; border-radius: .3rem; padding: 0 .3rem; font-size: .8rem; color: var(--unknown); font-weight: 400; white-space: nowrap }
.ready { color: var(--ready) } .degraded { color: var(--degraded) } .not_ready { color: var(--not_ready) } .unknown { color: var(--unknown) }
.unreachable { color: var(--unreachable) } .stale { color: var(--stale) } .skipped { color: var(--skipped) }
.check-fail td { color: var(--not_ready) } .check-unknown td { color: var(--unknown) } .check-waived td { color: var(--degraded) }
.checks { width: auto } .checks th, .checks td { padding: .25rem .6rem } .checks tbody th { font-weight: 400; overflow-wrap: normal }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .4rem .75rem } summary { cursor: pointer }
details:target { border-color: var(--link) }
ul { margin: .25rem 0; padding-left: 1.25rem } details li { overflow-wrap: anywhere }
dl { margin: .25rem 0 } dl div { display: flex; gap: .75rem; padding: .1rem 0 } dt { flex: 0 0 11rem; color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere; min-width: 0 }
form { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin: .5rem 0 } [hidden] { display: none !important }
input, select, p button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; padding: .2rem .5rem; min-height: 2rem }
p button { cursor: pointer }
@media (max-width: 44rem) {
  .counts { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)) }
  #table thead { display: none } #table, #table caption, #table tbody, #table tr { display: block } #table tr { border-bottom: 2px solid var(--line); padding: .6rem 0 }
  #table td, #table tbody th { display: block; border: 0; padding: .15rem 0 } #table td:last-child { min-width: 0; width: auto } #table tbody th { font-size: 1.1rem }
  #table td[data-label]::before { content: attr(data-label) ': '; color: var(--soft) } td code { display: inline; margin-left: .4rem; white-space: normal }
  dl div { display: block; padding: .2rem 0 } .checks th, .checks td { padding: .25rem .3rem; font-size: .92rem } }
@media print { form, .skip, #all, th button::after { display: none } body { max-width: none; color: #000; background: #fff } details, tr, .counts li { break-inside: avoid }
  details::details-content { content-visibility: visible; block-size: auto } }
"""

SCRIPT = """
(function () {
  'use strict';
  var table = document.getElementById('table'), body = table.tBodies[0], form = document.getElementById('filter');
  var find = document.getElementById('find'), state = document.getElementById('state');
  var rows = Array.prototype.slice.call(body.rows), heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var details = rows.map(function (row) { return document.getElementById(row.cells[0].querySelector('a').hash.slice(1)); });
  var pairs = rows.map(function (row, at) { return { row: row, more: details[at], text: row.textContent.toLowerCase() }; });
  form.hidden = false;
  document.getElementById('all').hidden = false;
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  function filter() {
    var text = find.value.trim().toLowerCase(), shown = 0;
    pairs.forEach(function (pair) {
      var fits = (!state.value || pair.row.dataset.state === state.value) && (!text || pair.text.indexOf(text) >= 0);
      pair.row.hidden = pair.more.hidden = !fits; shown += fits ? 1 : 0;
    });
    document.getElementById('none').hidden = shown > 0;
    document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' shown';
  }
  find.addEventListener('input', filter); state.addEventListener('change', filter);
  var compare = new Intl.Collator(undefined, { numeric: true }).compare;
  function value(row, column) { var cell = row.cells[column]; return cell.dataset.value || cell.textContent; }
  heads.forEach(function (head, column) {
    var button = document.createElement('button');
    button.type = 'button'; button.textContent = head.textContent; head.textContent = ''; head.appendChild(button);
    button.addEventListener('click', function () {
      var up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(function (other) { other.removeAttribute('aria-sort'); });
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      rows.map(function (row) { return [value(row, column), row]; })
        .sort(function (a, b) { return up ? compare(a[0], b[0]) : compare(b[0], a[0]); })
        .forEach(function (entry) { body.appendChild(entry[1]); });
    });
  });
  function every(open) { details.forEach(function (one) { if (!one.hidden) { one.open = open; } }); }
  document.getElementById('open').addEventListener('click', function () { every(true); });
  document.getElementById('close').addEventListener('click', function () { every(false); });
  function show() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === 'DETAILS') { target.hidden = false; target.open = true; target.querySelector('summary').focus(); }
  }
  window.addEventListener('hashchange', show); filter(); show();
})();
"""
