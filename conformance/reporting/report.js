'use strict';
// Brings the page to life: search, filters, keyboard, and the parts of cases that are built when they are opened.
// Foreign text goes into the page through text nodes and nothing else; nothing is ever loaded or sent.
(() => {
  const KEYS = ['q', 'verdict', 'severity', 'service', 'kind', 'requirement'];
  const CHUNK = 50;
  const DEEPEST_INDENT = 32;
  const PURPOSES = {
    probe: 'the request under test',
    twin: 'positive control: the unbroken request, which the service has to accept',
    guard: 'reads whether something has changed',
  };
  const SYMBOLS = { violation: '✗', warning: '▲', observation: '●' };

  // ------------------------------------------------------------------ elements and data

  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** Make an element; strings become text nodes, with hidden characters made visible. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) element.setAttribute(name, '');
      else if (value !== false && value != null) element.setAttribute(name, visible(String(value)));
    }
    element.append(...children.filter((child) => child != null && child !== '').map(
      (child) => (child instanceof Node ? child : visible(String(child)))));
    return element;
  }

  /** Control, format and surrogate characters as the server-made parts of the page show them. */
  function visible(text) {
    return text.replace(/[^ -~\n\t]/gu, (character) => {
      if (!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character)) return character;
      return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
    });
  }

  /** The value of a data block, parsed when it is asked for; null where there is no such block. */
  function data(name) {
    const block = byId(name);
    return block ? JSON.parse(block.textContent) : null;
  }

  const badge = (word) => make('span', { class: `badge ${word}` },
    make('span', { 'aria-hidden': 'true' }, SYMBOLS[word] || '·'), ` ${word}`);
  const link = (key, name, ...children) => make('a', { href: `#${key}=${encodeURIComponent(name)}` }, ...children);
  const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

  // ------------------------------------------------------------------ what there is to filter

  const words = (text) => (text ? text.split(' ') : []);
  const rows = all('tr[data-requirement]').map((element) => ({
    element, ...element.dataset, cases: words(element.dataset.cases), text: element.textContent.toLowerCase(),
  }));
  const covering = new Map();
  for (const row of rows) {
    for (const at of row.cases) covering.set(at, (covering.get(at) || new Set()).add(row.requirement));
  }
  const cards = all('#findings .card').map((element) => ({
    element, ...element.dataset, cases: words(element.dataset.cases), text: element.textContent.toLowerCase(),
  }));
  const cases = all('.case').map((element, at) => ({
    element,
    ...element.dataset,
    weight: element.classList.contains('restoring') ? 0 : 1,
    severity: words(element.dataset.severity),
    requirements: covering.get(String(at)) || new Set(),
    text: element.textContent.toLowerCase(),
  }));
  for (const card of cards) {
    for (const at of card.requirement ? card.cases : []) cases[at].requirements.add(card.requirement);
    for (const at of card.cases) cases[at].text += ` ${card.text}`;
  }
  const caseById = new Map(cases.map((item) => [item.case, item]));

  // ------------------------------------------------------------------ state, kept in the address

  const form = byId('toolbar');
  let state = {};

  function readAddress() {
    const hash = location.hash.slice(1);
    const found = {};
    for (const part of hash.split('&')) {
      const [key, ...value] = part.split('=');
      if (value.length) found[key] = decoded(value.join('='));
    }
    return found;
  }

  function decoded(text) {
    try { return decodeURIComponent(text.replaceAll('+', ' ')); } catch { return text; }
  }

  function remember(changes, { push = false } = {}) {
    state = { ...state, ...changes };
    const parts = [...KEYS, 'case', 'exchange'].filter((key) => state[key])
      .map((key) => `${key}=${encodeURIComponent(state[key]).replaceAll('%2F', '/')}`);
    history[push ? 'pushState' : 'replaceState'](null, '', `#${parts.join('&')}`);
  }

  // ------------------------------------------------------------------ filtering

  function fits(item) {
    const { verdict, kind, severity } = state;
    return fitsCommon(item) && (!verdict || item.verdict === verdict) && (!kind || item.kind === kind)
      && (!severity || item.severity.includes(severity))
      && (!state.requirement || item.requirements.has(state.requirement));
  }

  function fitsCommon(item) {
    return (!state.service || item.service === state.service) && sought(item);
  }

  /** Whether an item has all words that are searched for, or the exchange of that id. */
  function sought(item) {
    const query = (state.q || '').trim();
    return query.toLowerCase().split(/\s+/).every((word) => item.text.includes(word))
      || (item.case !== undefined && byId(`exchange=${query}`)?.dataset.case === item.case);
  }

  /** Whether one of an item's cases fits the filters that say something about cases. */
  function throughCases(item, keys) {
    return keys.every((key) => !state[key]) || item.cases.some((at) => keys.every((key) => !state[key]
      || (key === 'severity' ? cases[at].severity.includes(state[key])
        : key === 'requirement' ? cases[at].requirements.has(state[key]) : cases[at][key] === state[key])));
  }

  function fitsCard(card) {
    if (!sought(card) || (state.severity && card.severity !== state.severity)) return false;
    if (!card.requirement) return throughCases(card, ['verdict', 'kind', 'service', 'requirement']);
    return (!state.service || card.service === state.service) && throughCases(card, ['verdict', 'kind'])
      && (!state.requirement || card.requirement === state.requirement);
  }

  function fitsRow(row) {
    return fitsCommon(row) && (!state.requirement || row.requirement === state.requirement)
      && (!state.verdict || row.verdict === state.verdict) && throughCases(row, ['kind', 'severity']);
  }

  const weight = (item) => Number(item.weight ?? 1);
  const total = (items) => items.reduce((sum, item) => sum + weight(item), 0);

  /** Hide the items that do not fit; return how many do. */
  function show(items, test) {
    const shown = items.filter((item) => {
      item.fits = test(item);
      if (item.element.hidden === item.fits) item.element.hidden = !item.fits;
      return item.fits;
    });
    return total(shown);
  }

  function apply() {
    const shown = { finding: show(cards, fitsCard), requirement: show(rows, fitsRow), case: show(cases, fits) };
    const totals = { finding: total(cards), requirement: rows.length, case: total(cases) };
    const active = KEYS.filter((key) => state[key]);
    for (const [kind, number] of Object.entries(shown)) {
      const label = active.length ? `${number}/${totals[kind]}` : totals[kind];
      form.querySelector(`[data-count=${kind}]`).textContent = label;
      const section = byId(`${kind}s`);
      const some = '.card:not([hidden]), tr[data-requirement]:not([hidden]), .case:not([hidden])';
      for (const group of all('.group, .matrix, tbody', section)) group.hidden = !group.querySelector(some);
      section.querySelector('.nothing').hidden = !active.length || section.querySelector(some) !== null;
    }
    describe(active, shown, totals);
    for (const key of KEYS) {
      const field = form.elements[key];
      if (field.value !== (state[key] || '')) field.value = state[key] || '';
    }
    const chosen = active.filter((key) => key !== 'q').length;
    byId('reset').disabled = active.length === 0;
    byId('filters-button').textContent = chosen ? `Filters (${chosen})` : 'Filters';
  }

  function describe(active, shown, totals) {
    const chosen = active.map((key) => `${key === 'q' ? 'text' : key} ${state[key].replaceAll('_', ' ')}`).join(', ');
    const numbers = [['case', 'case'], ['finding', 'finding'], ['requirement', 'requirement']]
      .map(([kind, noun]) => `${shown[kind]} of ${count(totals[kind], noun)}`);
    byId('status').textContent = active.length ? visible(`Only ${chosen}: ${numbers.join(', ')}`) : '';
  }

  function fillSelects() {
    const distinct = (values) => [...new Set(values)].filter(Boolean).sort();
    const options = {
      verdict: distinct([...cases, ...rows].map((item) => item.verdict)),
      severity: distinct(cases.flatMap((item) => item.severity)),
      service: distinct([...cases, ...rows].map((item) => item.service)),
      kind: distinct(cases.map((item) => item.kind)),
      requirement: distinct([...rows, ...cards].map((item) => item.requirement)),
    };
    for (const [key, values] of Object.entries(options)) {
      form.elements[key].append(...values.map((value) => make('option', { value }, value.replaceAll('_', ' '))));
    }
  }

  // ------------------------------------------------------------------ going to places

  const toolbarHeight = () => (getComputedStyle(form).position === 'sticky' ? form.offsetHeight : 0);

  /** Keep what is scrolled to from hiding under the toolbar. */
  const leaveRoom = () => document.documentElement.style.setProperty('--toolbar', `${toolbarHeight()}px`);

  function go(element, { focus = element } = {}) {
    element.scrollIntoView({ block: 'start' });
    focus.focus({ preventScroll: true });
  }

  /** Show what the state names: an exchange, a case, a requirement; filters that hide it are dropped. */
  function route(goto = '') {
    if (state.exchange) state.case = byId(`exchange=${state.exchange}`)?.dataset.case || state.case;
    const item = caseById.get(state.case);
    if (item && !fits(item)) for (const key of KEYS) delete state[key];
    apply();
    if (item) return openCase(item.element, state.exchange);
    const row = state.requirement && rows.find((one) => one.requirement === state.requirement && !one.element.hidden);
    if (goto) go(byId(goto));
    else if (row) go(row.element, { focus: row.element.querySelector('a') });
    return undefined;
  }

  function openCase(details, exchange) {
    build(details);
    details.open = true;
    const target = exchange && showExchange(details, exchange);
    if (target) go(target, { focus: target.firstChild });
    else go(details, { focus: details.firstElementChild });
  }

  function followLink(event) {
    const anchor = event.target.closest('a[href^="#"]');
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const hash = anchor.getAttribute('href').slice(1);
    const at = hash.indexOf('=');
    event.preventDefault();
    if (at < 0) return void go(byId(hash));
    const key = hash.slice(0, at);
    const place = key === 'case' || key === 'exchange';
    const filters = Object.fromEntries(KEYS.map((one) => [one, place ? state[one] : '']));
    remember({ ...filters, case: '', exchange: '', [key]: decoded(hash.slice(at + 1)) }, { push: true });
    route(anchor.dataset.goto);
    remember({});
  }

  // ------------------------------------------------------------------ a case, built when it is opened

  function build(details) {
    if (details.dataset.built) return;
    details.dataset.built = 'yes';
    const content = data(`data=${details.dataset.case}`);
    if (!content) return;
    const parts = [];
    if (content.findings.length) parts.push(make('h5', {}, 'Findings'), ...content.findings.map(finding));
    parts.push(...checks(content));
    if (content.exchanges.length) parts.push(...exchangeList(content));
    else parts.push(make('p', { class: 'quiet' }, 'This case sent no request.'));
    details.append(make('div', { class: 'inside' }, ...parts));
  }

  function finding(found) {
    const side = (name, value) => make('div', { class: name.toLowerCase() },
      make('dt', {}, name), make('dd', {}, value || '–'));
    return make('div', { class: `occurrence ${found.severity}` },
      make('p', { class: 'message' }, badge(found.severity), ' ', make('strong', {}, found.message),
        ...(found.location ? [' at ', make('code', {}, found.location)] : []),
        found.count > 1 ? ` (and ${count(found.count - 1, 'more place')})` : ''),
      found.expected || found.actual
        ? make('dl', { class: 'compare' }, side('Expected', found.expected), side('Actual', found.actual)) : null,
      make('p', { class: 'links' },
        'Requirement ', link('requirement', found.requirement, make('code', {}, found.requirement))));
  }

  function checks({ requirements, evaluated }) {
    const names = [...new Set([...requirements, ...Object.keys(evaluated)])];
    const list = names.map((name) => make('li', {},
      link('requirement', name, make('code', {}, name)),
      make('span', {}, byId(`requirement=${name}`)?.querySelector('.statement').textContent || ''),
      make('span', { class: 'number' }, evaluated[name] ? `${count(evaluated[name], 'check')}` : 'not evaluated')));
    return names.length ? [make('details', { class: 'checks' },
      make('summary', {}, count(names.length, 'requirement')), make('ul', {}, ...list))] : [];
  }

  function exchangeList(content) {
    const deciding = content.exchanges.filter((id) => content.deciding.includes(id));
    const first = deciding.length ? deciding : content.exchanges.slice(0, 5);
    const rest = content.exchanges.filter((id) => !first.includes(id));
    const list = make('div', { class: 'exchanges' }, ...first.map((id) => exchange(id, content, id === content.probe)));
    const heading = make('h5', {}, count(content.exchanges.length, 'exchange'),
      rest.length ? make('small', {}, ` ${first.length} that decided first`) : null);
    if (!rest.length) return [heading, list];
    const button = make('button', { type: 'button', class: 'rest' });
    const grow = (number = CHUNK) => {
      list.append(...rest.splice(0, number).map((id) => exchange(id, content, false)));
      button.textContent = `Show ${rest.length > CHUNK ? `${CHUNK} of ` : ''}${count(rest.length, 'other exchange')}`;
      button.hidden = rest.length === 0;
    };
    button.addEventListener('click', () => {
      const before = list.childElementCount;
      grow();
      list.children[before].firstElementChild.focus();
    });
    list.growTo = (id) => { while (rest.includes(id)) grow(); };
    grow(0);
    return [heading, list, button];
  }

  function showExchange(details, id) {
    details.querySelector('.exchanges')?.growTo?.(id);
    const target = all('.exchange', details).find((one) => one.dataset.exchange === id);
    if (target) {
      buildExchange(target);
      target.open = true;
    }
    return target;
  }

  // ------------------------------------------------------------------ an exchange

  function exchange(id, content, opened) {
    const record = data(`exchange=${id}`);
    if (!record) return make('p', { class: 'missing' }, `Exchange ${id} is not in exchanges.jsonl.`);
    const { request, response, failure } = record;
    const status = response ? statusOf(response) : `no answer: ${failure?.kind || 'unknown'}`;
    const tone = !response ? 'failed' : `s${Math.floor(response.status / 100)}`;
    const element = make('details', { class: 'exchange', 'data-exchange': id },
      make('summary', {},
        make('code', { class: 'number' }, id),
        make('span', { class: `purpose ${record.purpose}`, title: PURPOSES[record.purpose] }, record.purpose),
        make('code', { class: 'line' }, `${request.method} ${afterOrigin(request.url)}`),
        make('span', { class: `status ${tone}` }, response ? '→ ' : '⚠ ', status),
        make('span', { class: 'elapsed' }, record.elapsed)));
    element.findings = id === content.probe ? content.findings : [];
    if (opened) {
      buildExchange(element);
      element.open = true;
    }
    return element;
  }

  const statusOf = ({ status, reason }) => `${status} ${reason}`.trim();
  const afterOrigin = (url) => url.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || url;

  function buildExchange(element) {
    if (element.dataset.built) return;
    element.dataset.built = 'yes';
    const record = data(`exchange=${element.dataset.exchange}`);
    const { request, response, failure } = record;
    element.append(
      make('p', { class: 'about' },
        [PURPOSES[record.purpose] || record.purpose, record.started, record.elapsed].join(' · ')),
      make('div', { class: 'messages' },
        make('section', { class: 'message-box', 'aria-label': 'Request' }, make('h6', {}, 'Request'),
          make('p', { class: 'start-line' }, make('b', {}, request.method), ` ${request.url}`),
          headers(request, []), body(request.body, request, [])),
        response ? answer(response, element.findings) : noAnswer(failure)));
  }

  function answer(response, findings) {
    const odd = [];
    if (response.cut) odd.push(`Reading ended early: ${response.cut}.`);
    if (response.informational) odd.push(`${count(response.informational, 'answer')} with status 1xx came before it.`);
    if (response.surplus) odd.push(`${count(response.surplus, 'byte')} came after its end.`);
    const statusFound = findings.filter((one) => one.location === 'status');
    return make('section', { class: 'message-box', 'aria-label': 'Answer' }, make('h6', {}, 'Answer'),
      make('p', { class: 'start-line' }, `HTTP/${response.version} `,
        make('b', {}, statusOf(response)), ...notes(statusFound)),
      headers(response, findings),
      ...odd.map((text) => make('p', { class: 'odd' }, text)),
      body(response.body, response, findings),
      make('p', { class: 'hash' },
        `${count(response.length, 'byte')} on the wire, SHA-256 `, make('code', {}, response.sha256)));
  }

  function noAnswer(failure) {
    const { kind = 'unknown', message = '', received } = failure || {};
    const some = received && contentOf(received).size > 0;
    return make('section', { class: 'message-box', 'aria-label': 'Answer' }, make('h6', {}, 'Answer'),
      make('div', { class: 'transport' },
        make('p', {}, make('strong', {}, `⚠ No answer: ${kind}`)), make('p', {}, message)),
      some ? make('p', { class: 'quiet' }, 'Received before the failure:') : null,
      some ? body(received, { headers: [] }, []) : null);
  }

  function headers(message, findings) {
    const found = (name) => findings.filter((one) => one.location.toLowerCase() === name.toLowerCase());
    const list = message.headers.map(([name, value]) => make('tr', { class: found(name)[0]?.severity },
      make('th', { scope: 'row' }, name), make('td', {}, ...headerValue(value), ...notes(found(name)))));
    if (message.headers_cut) {
      const more = `${count(message.headers_cut, 'more header')} in exchanges.jsonl`;
      list.push(make('tr', {}, make('td', { colspan: 2, class: 'quiet' }, more)));
    }
    return list.length ? make('table', { class: 'headers' }, make('tbody', {}, ...list))
      : make('p', { class: 'quiet' }, 'No headers');
  }

  /** A header's value; a credential was replaced by what it stands for. */
  function headerValue(value) {
    if (typeof value === 'string') return [value];
    const { scheme, ...references } = value;
    return [scheme ? `${scheme} ` : '', ...Object.entries(references).map(([kind, name]) =>
      make('span', { class: 'reference', title: 'A credential; its value is not kept' }, `${kind}: ${name}`))];
  }

  const notes = (findings) => findings.map((one) => make('span', { class: `note ${one.severity}` },
    ` ${SYMBOLS[one.severity] || ''} ${one.message}${one.expected ? `; expected ${one.expected}` : ''}`));

  // ------------------------------------------------------------------ bodies

  const contentOf = (kept) => (typeof kept === 'string' ? data(kept) : kept) || { text: '', size: 0 };

  function body(kept, message, findings) {
    const content = contentOf(kept);
    if (!content.size) return make('p', { class: 'quiet' }, 'No body');
    const raw = content.base64 === undefined ? content.text : hexadecimal(content.base64);
    const pretty = content.base64 === undefined ? prettyBody(content, findings) : null;
    const box = make('pre', { tabindex: 0, role: 'region', 'aria-label': 'Body' });
    const type = message.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    const unit = content.base64 === undefined ? 'character' : 'byte';
    const about = make('p', { class: 'about' }, unit === 'byte' ? 'Body, not UTF-8 text: bytes in hexadecimal' : 'Body',
      `, ${count(content.size, 'byte')}`, typeof type === 'string' ? `, ${type}` : '');
    const view = (shaped) => box.replaceChildren(shaped ? pretty : visible(raw));
    view(pretty !== null);
    if (pretty) about.append(' ', toggle(view));
    const bodyNotes = notes(findings.filter((one) => one.location === 'body'));
    return make('div', { class: 'body' }, about, bodyNotes.length ? make('p', {}, ...bodyNotes) : null, box,
      content.cut && make('p', { class: 'odd' },
        `Cut after ${count(content.cut, unit)} of ${count(content.size, 'byte')}. exchanges.jsonl has all of it.`));
  }

  function toggle(view) {
    const button = make('button', { type: 'button', class: 'toggle', 'aria-pressed': 'false' }, 'Raw');
    button.addEventListener('click', () => {
      const raw = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(raw));
      view(!raw);
    });
    return button;
  }

  function hexadecimal(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const lines = [];
    for (let at = 0; at < bytes.length; at += 16) {
      const part = [...bytes.subarray(at, at + 16)];
      const digits = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const letters = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
      lines.push(`${at.toString(16).padStart(6, '0')}  ${digits.padEnd(47)}  ${letters}`);
    }
    return lines.join('\n');
  }

  /** A JSON or XML body, indented token by token so that digits, duplicates and order stay; null where it is neither. */
  function prettyBody(content, findings) {
    if (/^\ufeff?\s*<(?!(!doctype\s+)?html)[?!\w]/i.test(content.text)) return prettyXml(content.text, findings);
    if (!/^\s*[[{"]/.test(content.text)) return null;
    if (!content.cut) {
      try { JSON.parse(content.text); } catch { return null; }
    }
    const pointers = new Map();
    for (const one of findings) {
      if (one.location.startsWith('/')) pointers.set(one.location, [...(pointers.get(one.location) || []), one]);
    }
    const shaped = make('code');
    for (const line of jsonLines(content.text, pointers.size > 0)) {
      shaped.append(...lineNodes(line, pointers.get(line.pointer) || []));
    }
    return shaped;
  }

  function lineNodes(line, found) {
    const spans = line.parts.map(([kind, text]) => (kind ? make('span', { class: kind }, text) : visible(text)));
    const indent = '  '.repeat(Math.min(line.depth, DEEPEST_INDENT));
    if (!found.length) return [indent, ...spans, '\n'];
    return [indent, make('mark', { class: found[0].severity }, ...spans), ...notes(found), '\n'];
  }

  /** An XML body with an element a line; a line is marked by a finding whose place its path of local names ends with. */
  function prettyXml(text, findings) {
    const places = findings.filter((one) => one.location.startsWith('/'))
      .map((one) => [one.location.replace(/\/@[^/]*$/, ''), one]).filter(([place]) => place);
    const shaped = make('code');
    for (const line of xmlLines(text)) {
      const found = line.opens ? places.filter(([place]) => line.pointer.endsWith(place)).map(([, one]) => one) : [];
      shaped.append(...lineNodes(line, found));
    }
    return shaped;
  }

  /** Lines of XML text as {depth, pointer, opens, parts}: a start tag begins one, with the text and end tag behind it. */
  function xmlLines(text) {
    const lines = [];
    const names = [];
    let inline = false;
    const begin = (opens) => {
      const pointer = opens && names.length <= DEEPEST_INDENT ? names.map((one) => `/${one}`).join('') : '';
      lines.push({ depth: names.length, pointer, opens, parts: [] });
    };
    for (const [word] of text.matchAll(/<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[[\s\S]*?(?:\]\]>|$)|<[^>]*>?|[^<]+/g)) {
      if (word.startsWith('</')) {
        names.pop();
        if (!inline) begin(false);
        lines.at(-1).parts.push(['key', word]);
        inline = false;
      } else if (/^<[^!?]/.test(word)) {
        begin(true);
        const name = word.match(/^<(?:[^\s/>:]*:)?([^\s/>]*)/)[1];
        lines.at(-1).pointer += `/${name}`;
        lines.at(-1).parts.push(['key', word]);
        inline = !word.endsWith('/>');
        if (inline) names.push(name);
      } else if (word.trim()) {
        if (!inline) begin(false);
        lines.at(-1).parts.push([word.startsWith('<') ? '' : 'string', word]);
      }
    }
    return lines;
  }

  /** Lines of JSON text as {depth, pointer, parts}; a text that was cut ends where it was cut. */
  function jsonLines(text, pointed) {
    const token = /\s*("(?:[^"\\]+|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+)/gsy;
    const frames = [];
    const lines = [{ depth: 0, parts: [] }];
    let previous = '';
    for (const [, word] of text.matchAll(token)) {
      const closing = word === '}' || word === ']';
      const opened = previous === '{' || previous === '[';
      if (closing) frames.pop();
      if (closing ? !opened : opened || previous === ',') lines.push({ depth: frames.length, parts: [] });
      const line = lines.at(-1);
      const frame = frames.at(-1);
      const key = Boolean(frame?.awaitsKey) && word[0] === '"';
      if (key) [frame.name, frame.awaitsKey] = [pointerPart(word), false];
      if (word === ',' && frame) frame.list ? frame.name += 1 : frame.awaitsKey = true;
      if (pointed && line.pointer === undefined && !closing && word !== ',' && frames.length <= DEEPEST_INDENT) {
        line.pointer = frames.map((one) => `/${one.name}`).join('') || '/';
      }
      line.parts.push([key ? 'key' : word[0] === '"' ? 'string' : '', word === ':' ? ': ' : word]);
      if (word === '[') frames.push({ list: true, name: 0 });
      if (word === '{') frames.push({ list: false, name: '', awaitsKey: true });
      previous = word;
    }
    return lines;
  }

  /** A member's name as a part of a JSON Pointer (RFC 6901, section 3). */
  function pointerPart(word) {
    try { return JSON.parse(word).replaceAll('~', '~0').replaceAll('/', '~1'); } catch { return word; }
  }

  // ------------------------------------------------------------------ events

  function onFilter() {
    const wanted = Object.fromEntries(KEYS.map((key) => [key, form.elements[key].value]));
    remember({ ...wanted, case: '', exchange: '' });
    apply();
  }

  /** Build what is being opened, whoever opens it: the reader, a link, or the browser's own search. */
  function onToggle({ target }) {
    if (!target.open) return;
    if (target.matches('.case')) build(target);
    if (target.matches('.exchange')) buildExchange(target);
    for (const mark of all('pre mark', target)) {
      const box = mark.closest('pre');
      box.scrollTop = Math.max(box.scrollTop, mark.offsetTop - box.clientHeight / 2);
    }
  }

  function onClick(event) {
    followLink(event);
    const details = event.target.closest('summary')?.parentElement;
    if (details) noteOpened(details, !details.open);
  }

  function noteOpened(details, open) {
    const owner = details.closest('.case')?.dataset.case;
    if (details.matches('.case')) remember({ case: open ? owner : '', exchange: '' });
    if (details.matches('.exchange')) remember({ case: owner, exchange: open ? details.dataset.exchange : '' });
  }

  function step(direction) {
    const shown = cases.filter((item) => !item.element.hidden).map((item) => item.element);
    const at = shown.indexOf(document.activeElement?.closest('.case'));
    const next = at < 0 ? shown.find((element) => element.getBoundingClientRect().top >= toolbarHeight()) || shown[0]
      : shown[Math.min(Math.max(at + direction, 0), shown.length - 1)];
    if (next) go(next, { focus: next.firstElementChild });
  }

  function close(target) {
    const details = target.closest('.exchange[open], .case[open]') || caseById.get(state.case)?.element;
    if (!details?.open) return;
    details.open = false;
    noteOpened(details, false);
    go(details, { focus: details.firstElementChild });
  }

  function onKey(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
    const typing = target.matches('input, select');
    if (key === 'Escape' && target.id === 'q') {
      target.value = '';
      onFilter();
      target.blur();
    } else if (key === 'Escape' && !typing) close(target);
    if (typing) return;
    const actions = {
      '/': () => form.elements.q.focus(), '?': () => byId('help').showModal(), j: () => step(1), k: () => step(-1),
    };
    const action = actions[key];
    if (action) {
      event.preventDefault();
      action();
    }
  }

  // ------------------------------------------------------------------ light and dark

  const THEMES = ['auto', 'light', 'dark'];

  function setTheme(theme) {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId('theme').textContent = `Theme: ${theme}`;
    try { localStorage.setItem('ehealth-conformance-theme', theme); } catch { /* a file may have no storage */ }
  }

  function storedTheme() {
    try { return localStorage.getItem('ehealth-conformance-theme') || 'auto'; } catch { return 'auto'; }
  }

  // ------------------------------------------------------------------ start

  function start() {
    for (const element of [form, ...all('.controls')]) element.hidden = false;
    if (THEMES.includes(storedTheme())) setTheme(storedTheme());
    fillSelects();
    form.addEventListener('input', onFilter);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('reset', () => queueMicrotask(onFilter));
    byId('filters-button').addEventListener('click', ({ currentTarget }) => {
      const shown = form.classList.toggle('expanded');
      currentTarget.setAttribute('aria-expanded', String(shown));
    });
    byId('theme').addEventListener('click', () => {
      const now = document.documentElement.dataset.theme || 'auto';
      setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
    });
    byId('help-button').addEventListener('click', () => byId('help').showModal());
    document.addEventListener('click', onClick);
    document.addEventListener('keydown', onKey);
    document.addEventListener('toggle', onToggle, true);
    new ResizeObserver(leaveRoom).observe(form);
    addEventListener('hashchange', () => { state = readAddress(); route(); });
    state = readAddress();
    apply();
    leaveRoom();
    // The data blocks stand after this script, so that the page can be read while they are still coming in.
    document.addEventListener('DOMContentLoaded', () => { if (location.hash.includes('=')) route(); });
  }

  start();
})();
