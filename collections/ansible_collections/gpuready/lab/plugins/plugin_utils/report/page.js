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
