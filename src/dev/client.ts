/** What the scripts of the link pages share. Whatever was chosen by people is shown as text, never as HTML. */
export const client = `
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const $ = (id) => document.getElementById(id);
const show = (id) => { for (const it of document.querySelectorAll('main > section')) it.hidden = it.id !== id; };

// Asks Usher; a refusal is a problem document, and is thrown.
async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

// Puts a problem document into words. Anything else that was thrown is a network that failed.
function wordsOf({ title, detail, code, retryAfter, errors = [] }) {
  if (!title) return 'Usher did not answer. Please try again.';
  const why = code.endsWith('-token-invalid') && 'It may be cut short, too old, or used already.';
  const wait = retryAfter && 'Try again in ' + waitOf(retryAfter) + '.';
  const places = errors.map((it) => (it.pointer ?? '').split('/').pop() + ' ' + it.detail);
  return [title, detail, why, wait, ...places].filter(Boolean).join('\\n');
}

function waitOf(seconds) {
  if (seconds < 90) return seconds === 1 ? 'a second' : seconds + ' seconds';
  return seconds < 5400 ? Math.ceil(seconds / 60) + ' minutes' : Math.ceil(seconds / 3600) + ' hours';
}

// Does what a form or a button asks for: one at a time, with its refusal in words.
async function attempt(work) {
  const buttons = document.querySelectorAll('button');
  $('problem').textContent = '';
  for (const it of buttons) it.disabled = true;
  try {
    await work();
  } catch (problem) {
    $('problem').textContent = wordsOf(problem);
    $('problem').scrollIntoView({ block: 'nearest' });
  }
  for (const it of buttons) it.disabled = false;
}

function onSubmit(id, work) {
  $(id).querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    attempt(() => work(Object.fromEntries(new FormData(event.target))));
  };
}

for (const button of document.querySelectorAll('.show')) {
  button.onclick = () => {
    const field = button.previousElementSibling;
    field.type = field.type === 'text' ? 'password' : 'text';
    button.textContent = field.type === 'text' ? 'Hide' : 'Show';
    button.ariaLabel = button.textContent + ' the password';
  };
}

addEventListener('hashchange', () => location.reload());
`;
