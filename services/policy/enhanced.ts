import { withoutHidden } from './hidden-html.ts'
import { soundsImperative } from './imperatives.ts'

/** What an extra layer says of a result, for the owner: `hidden` parts were left out, it sounds `imperative`, it is `withheld`. */
export type Flag = 'hidden' | 'imperative' | 'withheld' | 'leak'

const DATA_URL = /\bdata:(?:[\w+.-]+\/[\w+.-]+)?(?:;[\w+.=-]+)*,[^\s"'<>)\]}]*/gi
const PICTURE = /<img\b[^<>]{0,2000}>/gi
const IMAGE = /!\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)/g
const LINK =
  /\[([^\]\n]{1,500})\]\(\s*<?([^\s)<>\n]{1,2000})>?(?:\s+(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'|\([^)\n]{0,500}\)))?\s*\)/g
/** Markdown's way to write what no reader sees: a definition that leads nowhere. */
const COMMENT = /^[ \t]{0,3}\[[^\]\n]{1,200}\]:[ \t]*(?:#|<>)[ \t]*(?:"[^\n]*"|'[^\n]*'|\([^\n]*\))?[ \t]*$/gm
const TITLE = /^([ \t]{0,3}\[[^\]\n]{1,200}\]:[ \t]*\S{1,2000})[ \t]+(?:"[^\n]*"|'[^\n]*'|\([^\n]*\))[ \t]*$/gm

/**
 * A result without what no reader of it would see: comments, hidden elements, data: addresses, pictures, titles of links;
 * a link whose words name another host than it leads to says so. It flags and never blocks.
 */
export function enhance(text: string): { text: string; flags: Flag[] } {
  const shown = withoutHidden(text)
  const spoken = shown.text.replace(COMMENT, '')
  const plain = spoken
    .replace(PICTURE, '')
    .replace(DATA_URL, '[data address left out]')
    .replace(TITLE, '$1')
    .replace(IMAGE, (_whole, words: string) => `[picture: ${words}]`)
    .replace(LINK, (_whole, words: string, target: string) => linkText(words, target))
  const hidden: Flag[] = shown.found || spoken !== shown.text ? ['hidden'] : []
  return { text: plain, flags: soundsImperative(text) ? [...hidden, 'imperative'] : hidden }
}

/** A link's title goes; words that look like another address than the one it leads to are told apart. */
function linkText(words: string, target: string): string {
  const said = hostIn(words)
  const real = hostIn(target)
  const differs = said !== undefined && real !== undefined && said !== real && !real.endsWith(`.${said}`)
  return differs ? `${words} (this link leads to ${target})` : `[${words}](${target})`
}

function hostIn(text: string): string | undefined {
  const address = /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?:[:/?#]|\s*$)/iu.exec(text)?.[1]
  return address?.toLowerCase().replace(/^www\./, '')
}
