(function () {
  'use strict';
  var table = document.getElementById('table'), body = table.tBodies[0], form = document.getElementById('filter');
  var find = document.getElementById('find'), state = document.getElementById('state');
  var place = document.getElementById('place');  // none where the inventory has neither rooms nor groups
  var rows = Array.prototype.slice.call(body.rows), heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var details = rows.map(function (row) { return document.getElementById(row.cells[0].querySelector('a').hash.slice(1)); });
  var pairs = rows.map(function (row, at) {
    var name = row.cells[0].querySelector('a'), text = row.textContent + ' ' + details[at].textContent;
    var pair = { row: row, more: details[at], name: name.textContent.toLowerCase(), text: text.toLowerCase() };
    name.href = '#pc=' + encodeURIComponent(name.textContent);  // a link that holds in the next report too
    return pair;
  });
  form.hidden = false;
  document.getElementById('all').hidden = false;
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  function filter() {
    var words = find.value.toLowerCase().split(/\s+/), shown = 0;
    pairs.forEach(function (pair) {
      var fits = (!state.value || pair.row.dataset.state === state.value) &&
        (!place || !place.value || (pair.row.dataset.place || '').split('\n').indexOf(place.value) >= 0) &&
        words.every(function (word) { return pair.text.indexOf(word) >= 0; });
      pair.row.hidden = pair.more.hidden = !fits; shown += fits ? 1 : 0;
    });
    document.getElementById('none').hidden = shown > 0;
    document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' shown';
  }
  function spelled(verdict) { return verdict.toLowerCase().replace(/_/g, '-'); }
  function keep() {  // what is chosen stands in the address, which is mailed and reloaded
    var said = [];
    if (state.value) { said.push('verdict=' + spelled(state.value)); }
    if (place && place.value) {
      var at = place.value.indexOf('=');
      said.push(place.value.slice(0, at) + '=' + encodeURIComponent(place.value.slice(at + 1)));
    }
    if (find.value.trim()) { said.push('find=' + encodeURIComponent(find.value.trim())); }
    history.replaceState(null, '', '#' + said.join('&'));
    filter();
  }
  find.addEventListener('input', keep); state.addEventListener('change', keep);
  if (place) { place.addEventListener('change', keep); }
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
  function open(target) { target.hidden = false; target.open = true; target.querySelector('summary').focus(); }
  function show() {
    var said = location.hash.slice(1), asked = new URLSearchParams(said);
    var wanted = (asked.get('pc') || '').toLowerCase(), verdict = (asked.get('verdict') || '').toLowerCase();
    var kind = ['room', 'group'].filter(function (one) { return asked.get(one) !== null; })[0];
    if (asked.get('verdict') !== null || asked.get('find') !== null || kind) {
      if (place) {
        place.value = kind ? kind + '=' + asked.get(kind) : '';
        if (place.selectedIndex < 0) { place.value = ''; }
      }
      Array.prototype.forEach.call(state.options, function (one) { one.selected = spelled(one.value) === verdict; });
      find.value = asked.get('find') || '';
    }
    filter();
    var target = said && (document.getElementById(said) || pairs.filter(function (one) { return one.name === wanted; })[0]);
    target = target && (target.more || target);
    if (target && target.tagName === 'DETAILS') { open(target); }
  }
  window.addEventListener('hashchange', show); show();
})();
