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
function wordsOf({ title, detail, errors = [] }) {
  if (!title) return 'Usher did not answer. Please try again.';
  return [title, detail, ...errors.map((it) => (it.pointer ?? '').split('/').pop() + ' ' + it.detail)].filter(Boolean).join('\\n');
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

addEventListener('hashchange', () => location.reload());
`;
