import { hidesBy } from '../policy/hidden-html.ts'
import type { Attributes } from './html-tags.ts'

/** So much of a style sheet is looked at for rules that hide. */
const MOST_SHEETS = 20
const LONGEST_SELECTORS = 1_000
const LONGEST_STYLE = 2_000
const SIMPLE = /^([a-z][a-z0-9]*)?[.#][\w-]{1,100}$/i

/** Selectors of one class or id that a style sheet hides. Rules that hold for some screens only (@media) hide nothing. */
export function hiddenSelectors(html: string): ReadonlySet<string> {
  const sheets = [...html.matchAll(/<style\b[^>]{0,500}>([^<]{0,100000})/gi)].slice(0, MOST_SHEETS)
  const rules = sheets.flatMap(([, sheet]) => rulesOf(sheet!)).filter(({ style }) => hidesBy(style))
  const selectors = rules.flatMap((rule) => rule.selectors.split(',').map((one) => one.trim()))
  return new Set(selectors.filter((selector) => SIMPLE.test(selector)))
}

type Rule = { selectors: string; style: string }

function rulesOf(sheet: string): Rule[] {
  const rules: Rule[] = []
  let depth = 0
  let from = 0
  let opened = 0
  for (let at = 0; at < sheet.length; at++) {
    if (sheet[at] === '{' && depth++ === 0) opened = at
    else if (sheet[at] === '}' && depth > 0 && --depth === 0) {
      const selectors = sheet
        .slice(from, opened)
        .slice(-LONGEST_SELECTORS)
        .replace(/^[^]*\*\//, '')
        .trim()
      if (!selectors.startsWith('@'))
        rules.push({ selectors, style: sheet.slice(opened + 1, at).slice(0, LONGEST_STYLE) })
      from = at + 1
    }
  }
  return rules
}

/** Whether nobody is shown an element: by itself, its style, or a rule. */
export function isHidden(name: string, attributes: Attributes, selectors: ReadonlySet<string>): boolean {
  if (attributes.has('hidden') || attributes.get('aria-hidden')?.trim() === 'true') return true
  if (hidesBy((attributes.get('style') ?? '').slice(0, LONGEST_STYLE))) return true
  if (selectors.size === 0) return false
  const classes = (attributes.get('class') ?? '').split(/\s+/, 50).map((one) => `.${one}`)
  return [...classes, `#${attributes.get('id') ?? ''}`].some((one) => selectors.has(one) || selectors.has(name + one))
}
