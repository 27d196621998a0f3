import type { Token, Tokens } from 'marked'
import { visible } from '../policy/sanitize.ts'
import type { MessageEntity } from './api.ts'
import type { Rich } from './rich.ts'

/** A block of code that is too long to be read in a chat, as a file. */
export type CodeFile = { name: string; content: string }

export type Rendered = Rich & { files: CodeFile[] }

/** Which hosts may be linked to; all where nothing is said. */
export type LinkRule = { mayLink?: ((host: string) => boolean) | undefined; filesFrom?: number | undefined }

const FILE_FROM = 1_500
const CODE = new Set(['code', 'pre'])
const SUFFIXES: Record<string, string> = {
  javascript: 'js',
  typescript: 'ts',
  python: 'py',
  shell: 'sh',
  bash: 'sh',
  markdown: 'md',
  text: 'txt',
  '': 'txt',
}
/** What Telegram's programs make a link or a button of by themselves. */
const TAPPABLE =
  /[a-z][a-z0-9+.-]*:\/\/\S+|\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\S*)?|(?:[\p{L}\p{N}_-]+\.)+\p{L}{2,}(?:[:/?#]\S*)?|(?<=^|\s)[/@]\w+(?:@\w+)?/giu

/**
 * Markdown as plain text with entities: nothing in it is parsed by Telegram, so nothing can break or be smuggled in. Where
 * hosts are named, whatever leads elsewhere stands as code, which cannot be followed by a tap.
 */
export async function render(markdown: string, rule: LinkRule = {}): Promise<Rendered> {
  const { lexer } = await import('marked')
  const writer = createWriter(rule)
  writer.blocks(lexer(visible(markdown)) as Token[])
  return writer.done()
}

/** Words that are no Markdown, in which nothing can be followed by a tap. */
export function inert(words: string): Rich {
  const writer = createWriter({ mayLink: () => false })
  writer.add(visible(words))
  const { text, entities } = writer.done()
  return { text, entities }
}

function createWriter({ mayLink, filesFrom = FILE_FROM }: LinkRule) {
  let text = ''
  const entities: MessageEntity[] = []
  const files: CodeFile[] = []

  function marked(entity: Omit<MessageEntity, 'offset' | 'length'>, write: () => void): void {
    const offset = text.length
    write()
    const length = text.length - offset
    if (length > 0) entities.push({ ...entity, offset, length } as MessageEntity)
  }

  const add = (more: string): void => void (text += more)

  function blocks(tokens: readonly Token[], gap = '\n\n'): void {
    for (const token of tokens) {
      if (token.type === 'space') continue
      if (text !== '' && !text.endsWith('\n') && !text.endsWith('• ')) add(gap)
      else if (gap === '\n\n' && text.endsWith('\n') && !text.endsWith('\n\n')) add('\n')
      block(token)
    }
  }

  function block(token: Token): void {
    const tokens = (token as Tokens.Generic).tokens ?? []
    if (token.type === 'heading') return marked({ type: 'bold' }, () => inline(tokens))
    if (token.type === 'code') return code(token as Tokens.Code)
    if (token.type === 'blockquote') return marked({ type: 'blockquote' }, () => quote(tokens))
    if (token.type === 'list') return list(token as Tokens.List)
    if (token.type === 'table') return table(token as Tokens.Table)
    if (token.type === 'hr') return add('———')
    if (tokens.length > 0) return inline(tokens)
    add((token as Tokens.Generic).text ?? token.raw)
  }

  function quote(tokens: readonly Token[]): void {
    const start = text
    text = ''
    const before = entities.splice(0)
    blocks(tokens)
    const shifted = entities.splice(0).filter(({ type }) => type !== 'blockquote')
    entities.push(...before, ...shifted.map((one) => ({ ...one, offset: one.offset + start.length })))
    text = start + text
  }

  function code({ text: content, lang = '' }: Tokens.Code): void {
    const language = /^[\w+#-]{1,20}/.exec(lang)?.[0].toLowerCase() ?? ''
    if (content.length <= filesFrom)
      return marked({ type: 'pre', ...(language ? { language } : {}) } as MessageEntity, () => add(content))
    const suffix = SUFFIXES[language] ?? language.replace(/[^a-z0-9]/g, '').slice(0, 8)
    const name = `code-${files.length + 1}.${suffix || 'txt'}`
    files.push({ name, content })
    add(`📄 ${name} (${content.split('\n').length} lines, as a file)`)
  }

  function list({ items, ordered, start }: Tokens.List, depth = 0): void {
    for (const [index, item] of items.entries()) {
      if (index > 0) add('\n')
      const box = item.task ? (item.checked ? '☑ ' : '☐ ') : ordered ? `${Number(start || 1) + index}. ` : '• '
      add(`${'   '.repeat(depth)}${box}`)
      for (const [at, token] of item.tokens.entries()) {
        if (token.type === 'space' || token.type === 'checkbox') continue
        if (token.type === 'list') {
          add('\n')
          list(token as Tokens.List, depth + 1)
          continue
        }
        if (at > 0 && !text.endsWith(box)) add('\n')
        block(token)
      }
    }
  }

  /** In letters of one width, as far as that goes. */
  function table({ header, rows }: Tokens.Table): void {
    const cells = [header, ...rows].map((row) => row.map((cell) => plain(cell.tokens)))
    const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
    const lines = cells.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
    marked({ type: 'pre' } as MessageEntity, () => add(lines.join('\n')))
  }

  function inline(tokens: readonly Token[]): void {
    for (const token of tokens) span(token)
  }

  function span(token: Token): void {
    const { type, raw } = token
    const { text: words = raw, tokens } = token as Tokens.Generic
    if (type === 'strong') return marked({ type: 'bold' }, () => inline(tokens ?? []))
    if (type === 'em') return marked({ type: 'italic' }, () => inline(tokens ?? []))
    if (type === 'del') return marked({ type: 'strikethrough' }, () => inline(tokens ?? []))
    if (type === 'codespan') return marked({ type: 'code' }, () => add(words))
    if (type === 'br') return add('\n')
    if (type === 'link') return link(token as Tokens.Link)
    if (type === 'image') return link({ ...(token as Tokens.Image), tokens: [] } as unknown as Tokens.Link)
    if (tokens && tokens.length > 0) return inline(tokens)
    add(type === 'html' ? raw : words)
  }

  function link({ href, text: words, tokens }: Tokens.Link): void {
    const host = hostOf(href)
    const write = () => (tokens.length > 0 ? inline(tokens) : add(words || href))
    if (host !== undefined && (mayLink?.(host) ?? true))
      return marked({ type: 'text_link', url: href } as unknown as MessageEntity, write)
    write()
    if (words !== href) {
      add(' (')
      marked({ type: 'code' }, () => add(href))
      add(')')
    }
  }

  /** What would be a link by itself becomes code. */
  function disarm(): void {
    const rule = mayLink
    if (!rule) return
    for (const match of text.matchAll(TAPPABLE)) {
      const words = match[0].replace(/[.,;:!?)\]}'"»”]+$/u, '')
      const [offset, length] = [match.index, words.length]
      const host = hostOf(words) ?? hostOf(`https://${words}`)
      if (host !== undefined && !/^[/@]/.test(words) && rule(host)) continue
      const covered = entities.some((one) => CODE.has(one.type) && one.offset <= offset && one.offset + one.length >= offset + length) // prettier-ignore
      if (!covered) entities.push({ type: 'code', offset, length })
    }
  }

  return {
    add,
    blocks,
    done(): Rendered {
      disarm()
      return { text, entities: apart(entities).toSorted((a, b) => a.offset - b.offset || b.length - a.length), files }
    },
  }
}

/** Nothing else is marked where there is code, as Telegram has it; a quotation may hold it. */
function apart(entities: readonly MessageEntity[]): MessageEntity[] {
  const code = entities.filter(({ type }) => CODE.has(type))
  const others = entities.filter(({ type }) => !CODE.has(type))
  return [...code, ...others.flatMap((one) => (one.type === 'blockquote' ? [one] : code.reduce(without, [one])))]
}

function without(left: MessageEntity[], { offset, length }: MessageEntity): MessageEntity[] {
  return left.flatMap((one) => {
    const end = one.offset + one.length
    if (end <= offset || one.offset >= offset + length) return [one]
    const head = { ...one, length: offset - one.offset }
    const tail = { ...one, offset: offset + length, length: end - offset - length }
    return [head, tail].filter((piece) => piece.length > 0)
  })
}

function plain(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      const { tokens: inner, text } = token as Tokens.Generic
      return inner && inner.length > 0 ? plain(inner) : (text ?? token.raw)
    })
    .join('')
}

/** Of what may be linked to at all. */
function hostOf(href: string): string | undefined {
  const url = URL.parse(href)
  return url && /^https?:$/.test(url.protocol) && url.username === '' ? url.hostname : undefined
}
