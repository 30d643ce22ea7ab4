# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Style and script of the HTML report, inline so that the page is one file that can be mailed."""

from __future__ import annotations

STYLE = """
:root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --wash: #f6f8fa; --link: #0550ae;
  --ready: #1a7f37; --degraded: #8a5a00; --not_ready: #b42318; --unknown: #6639ba; --unreachable: #57606a; --stale: #8a5a00; --skipped: #57606a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --line: #3d444d; --paper: #0d1117; --wash: #161b22; --link: #79c0ff;
  --ready: #56d364; --degraded: #e3b341; --not_ready: #ff938a; --unknown: #d2a8ff; --unreachable: #a3adb8; --stale: #e3b341; --skipped: #a3adb8 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
a { color: var(--link) }
h1 { margin: 0; font-size: 1.6rem } h2 { font-size: 1.25rem; margin: 1.5rem 0 .5rem } h3 { font-size: 1rem; margin: .75rem 0 .25rem }
p { margin: .25rem 0 }
.headline { font-size: 1.15rem } .when, footer, .os, .none { color: var(--soft) }
.skip { position: absolute; left: -100rem } .skip:focus { position: static }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.banner { border: 2px solid var(--unknown); border-radius: .5rem; padding: .5rem .75rem; margin: .75rem 0 }
.counts { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; margin: 1rem 0 }
.counts li { border: 1px solid var(--line); border-left: .4rem solid; border-radius: .4rem; padding: .4rem .75rem; background: var(--wash) }
.counts b { font-size: 1.4rem } .counts small { display: block; color: var(--soft) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; color: var(--soft); padding: .25rem 0 }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word }
#table th:first-child, #table td:nth-child(3), #table td:nth-child(4) { min-width: 9rem; max-width: 16rem }
thead th { background: var(--wash) }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: left }
th[aria-sort=ascending] button::after { content: ' \\25b2' } th[aria-sort=descending] button::after { content: ' \\25bc' }
#table td:last-child { min-width: 16rem } td code { display: block; font-size: .8rem }
.step { color: var(--ink); font-weight: 600 }
.badge { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .6rem; font-weight: 600; white-space: nowrap }
.tag { border: 1px dashed; border-radius: .3rem; padding: 0 .3rem; font-size: .8rem; color: var(--unknown) }
.ready { color: var(--ready) } .degraded { color: var(--degraded) } .not_ready { color: var(--not_ready) } .unknown { color: var(--unknown) }
.unreachable { color: var(--unreachable) } .stale { color: var(--stale) } .skipped { color: var(--skipped) }
.counts li span, .counts li b { color: inherit }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .4rem .75rem } summary { cursor: pointer }
ul { margin: .25rem 0; padding-left: 1.25rem } details li { overflow-wrap: anywhere }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin: .5rem 0 } form[hidden] { display: none }
input, select { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; padding: .2rem .4rem }
@media (max-width: 40rem) {
  #table thead { display: none } #table tr { display: block; border-bottom: 2px solid var(--line); padding: .5rem 0 }
  #table td, #table th { display: block; border: 0; padding: .15rem 0 } #table td:last-child { min-width: 0 } }
@media print { form, .skip { display: none } body { max-width: none; color: #000; background: #fff } details, tr { break-inside: avoid } }
"""

SCRIPT = """
(function () {
  'use strict';
  var table = document.getElementById('table'), body = table.tBodies[0], form = document.getElementById('filter');
  var find = document.getElementById('find'), state = document.getElementById('state');
  var rows = Array.prototype.slice.call(body.rows);
  form.hidden = false;
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  function filter() {
    var text = find.value.trim().toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      var fits = (!state.value || row.dataset.state === state.value) && (!text || row.textContent.toLowerCase().indexOf(text) >= 0);
      row.hidden = !fits; shown += fits ? 1 : 0;
    });
    document.getElementById('none').hidden = shown > 0;
    document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' shown';
  }
  find.addEventListener('input', filter); state.addEventListener('change', filter);
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
    var button = document.createElement('button');
    button.type = 'button'; button.textContent = head.textContent; head.textContent = ''; head.appendChild(button);
    button.addEventListener('click', function () {
      var up = head.getAttribute('aria-sort') !== 'ascending';
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (other) { other.removeAttribute('aria-sort'); });
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      rows.sort(function (a, b) {
        var x = a.cells[column], y = b.cells[column];
        var order = (x.dataset.value || x.textContent).localeCompare(y.dataset.value || y.textContent, undefined, { numeric: true });
        return up ? order : -order;
      });
      rows.forEach(function (row) { body.appendChild(row); });
    });
  });
  function open() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === 'DETAILS') { target.open = true; }
  }
  window.addEventListener('hashchange', open); open(); filter();
})();
"""
