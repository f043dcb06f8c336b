/* The configurator: what is chosen goes to the preview's attributes and into every snippet. */

const form = document.querySelector('#controls');
const preview = document.querySelector('#preview');
const ticker = preview.firstElementChild;
const USUAL = 'price,percent';

/** The wanted coins: those that the board has, and the others. */
function coins(data) {
  const known = [...document.getElementById(`of-${data.get('board')}`).options].map((option) => option.value);
  const wanted = [...new Set(data.get('symbols').toUpperCase().match(/[^\s,]+/g))];
  return [wanted.filter((coin) => known.includes(coin)), wanted.filter((coin) => !known.includes(coin))];
}

/** Says beside each input what is wrong with it. */
function judge() {
  const [, unknown] = coins(new FormData(form));
  form.elements.symbols.setCustomValidity(unknown.join(', '));
  for (const input of form.querySelectorAll('[data-wrong]')) {
    const said = input.validity.valid ? '' : input.dataset.wrong.replace('{}', () => input.validationMessage);
    document.getElementById(`${input.name}-wrong`).textContent = said;
    input.ariaInvalid = !!said;
  }
}

/** Attribute -> value, only what differs from the element's own default, and nothing that the server would refuse. */
function chosen() {
  const data = new FormData(form);
  const valid = (name) => (form.elements[name].validity.valid ? data.get(name) : '');
  const columns = data.getAll('columns').join();
  const values = {
    board: data.get('board'),
    form: data.get('form') === 'list' ? '' : data.get('form'),
    lang: data.get('lang'),
    theme: data.get('theme') === 'inherit' ? '' : data.get('theme'),
    colors: data.get('colors'),
    columns: columns === USUAL ? '' : columns,
    symbols: coins(data)[0].join(),
    limit: valid('limit'),
    link: valid('link'),
    credit: data.get('credit'),
    interval: data.get('interval'),
  };
  return new Map(Object.entries(values).filter(([, value]) => value));
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

function show() {
  judge();
  const values = chosen();
  preview.dataset.width = form.elements.width.value;
  for (const name of ticker.getAttributeNames()) if (!values.has(name)) ticker.removeAttribute(name);
  for (const [name, value] of values) if (ticker.getAttribute(name) !== value) ticker.setAttribute(name, value);
  write(values);
}

function write(values) {
  const height = Math.ceil(ticker.getBoundingClientRect().height) || 150;
  const attributes = [...values].map(([name, value]) => ` ${name}="${escaped(value)}"`).join('');
  const query = new URLSearchParams([...values].filter(([name]) => name !== 'board'));
  const included = query.size ? `?${query}&assets=1` : '?assets=1';
  if (!values.has('theme')) query.set('theme', 'light');
  const places = {
    attributes: `${attributes} style="display:block;min-height:${height}px"`,
    board: values.get('board'),
    query: escaped(`?${query}`),
    assets: included,
    width: form.elements.width.value,
    height: values.has('theme') ? height : height + 24,
    title: escaped(ticker.shadowRoot?.querySelector('.ct-title')?.textContent.trim() || 'ticker'),
    sandbox: values.has('link') ? 'allow-scripts allow-popups' : 'allow-scripts',
  };
  for (const pre of document.querySelectorAll('pre')) {
    pre.firstElementChild.textContent = pre.dataset.template.replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
  }
}

async function copy({ target }) {
  if (!target.dataset?.copy) return;
  const code = document.getElementById(target.dataset.copy);
  try {
    await navigator.clipboard.writeText(code.textContent);
    target.textContent = target.dataset.copied;
  } catch {
    getSelection().selectAllChildren(code);
  }
}

form.addEventListener('input', show);
form.addEventListener('submit', (event) => event.preventDefault());
document.addEventListener('click', copy);
new ResizeObserver(() => write(chosen())).observe(ticker);
show();
