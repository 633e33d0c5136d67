/** JavaScript that the link pages share. Texts from users are shown as text, never as HTML. */
export const client = `
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const $ = (id) => document.getElementById(id);
const show = (id) => { for (const it of document.querySelectorAll('main > section')) it.hidden = it.id !== id; };

// Calls the API. Throws the problem document if the call fails.
async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

// The text for a problem document. Any other error is a network error.
function problemText({ title, detail, code, retryAfter, errors = [] }) {
  if (!title) return 'Usher did not answer. Please try again.';
  const hint = code.endsWith('-token-invalid') && 'The link may be incomplete, expired or already used.';
  const wait = retryAfter && 'Try again in ' + formatSeconds(retryAfter) + '.';
  const details = errors.map((it) => (it.pointer ?? '').split('/').pop() + ' ' + it.detail);
  return [title, detail, hint, wait, ...details].filter(Boolean).join('\\n');
}

function formatSeconds(seconds) {
  if (seconds < 90) return seconds === 1 ? 'a second' : seconds + ' seconds';
  return seconds < 5400 ? Math.ceil(seconds / 60) + ' minutes' : Math.ceil(seconds / 3600) + ' hours';
}

// Runs the action of a form or a button. Disables all buttons meanwhile, and shows the problem if
// it fails.
async function attempt(work) {
  const buttons = document.querySelectorAll('button');
  $('problem').textContent = '';
  for (const it of buttons) it.disabled = true;
  try {
    await work();
  } catch (problem) {
    $('problem').textContent = problemText(problem);
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
