import { copyText } from '../ui/copy.tsx'

type Highlighter = (text: string, language: string) => string | null

/** Longer code is coloured only once it has stopped growing. */
const QUICK = 6000
const LONGEST = 200_000

let highlighter: Highlighter | null = null
let loading: Promise<void> | null = null

/** A piece of code with its language and a copy button; the colours come when the highlighter is here. */
export function codeBlock(text: string, language: string, settled: boolean): HTMLElement {
  const code = document.createElement('code')
  code.textContent = text
  const pre = document.createElement('pre')
  pre.tabIndex = 0
  pre.append(code)
  const figure = document.createElement('figure')
  figure.className = 'code'
  figure.append(head(text, language), pre)
  colour(code, text, language.toLowerCase(), settled)
  return figure
}

function head(text: string, language: string): HTMLElement {
  const caption = document.createElement('figcaption')
  const name = document.createElement('span')
  name.textContent = language || 'text'
  caption.append(name, copyButton(text))
  return caption
}

function copyButton(text: string): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'code-copy'
  button.textContent = 'Copy'
  button.ariaLabel = 'Copy this code'
  button.onclick = async () => {
    button.textContent = (await copyText(text)) ? 'Copied' : 'Select it by hand'
    setTimeout(() => (button.textContent = 'Copy'), 2000)
  }
  return button
}

function colour(code: HTMLElement, text: string, language: string, settled: boolean): void {
  if (!language || text.length > LONGEST || (!settled && text.length > QUICK)) return
  if (!highlighter) return void load().then(() => code.isConnected && colour(code, text, language, settled))
  const html = highlighter(text, language)
  if (html !== null) code.innerHTML = html
}

function load(): Promise<void> {
  loading ??= import('./highlight.ts').then(
    ({ highlight }) => void (highlighter = highlight),
    () => void (loading = null),
  )
  return loading
}
