import type TurndownService from 'turndown'
import { lazy } from '../shapes/lazy.ts'
import type { PageNode } from './html.ts'

/** Turns a part of a page into Markdown for a model: no escapes, tables as rows between bars. Loads turndown on first use. */
export async function toMarkdown(part: PageNode): Promise<string> {
  const text = (await converter()).turndown(part as unknown as TurndownService.Node)
  return text.replace(/\n{3,}/g, '\n\n')
}

const converter = lazy(async (): Promise<TurndownService> => {
  const { default: Turndown } = await import('turndown')
  const service = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-', hr: '---' })
  service.escape = (text) => text
  service.addRule('cell', { filter: ['td', 'th'], replacement: (content) => ` ${oneLine(content)} |` })
  service.addRule('row', { filter: 'tr', replacement: (content) => (content === '' ? '' : `\n|${content}`) })
  service.addRule('item', { filter: 'li', replacement: item })
  service.addRule('link', { filter: isLink, replacement: link })
  return service
})

/** Items come in order, so counting is enough; looking for their place makes long lists slow. */
const counted = new WeakMap<object, number>()

function item(content: string, node: unknown): string {
  const list = (node as { parentNode: { nodeName: string } }).parentNode
  const number = (counted.get(list) ?? 0) + 1
  counted.set(list, number)
  const mark = list.nodeName === 'OL' ? `${number}. ` : '- '
  return `${mark}${content.trim().replace(/\n(?=.)/g, `\n${' '.repeat(mark.length)}`)}\n`
}

type Anchor = { nodeName: string; getAttribute: (name: string) => string | null }

function isLink(node: Anchor): boolean {
  return node.nodeName === 'A' && node.getAttribute('href') !== null
}

function link(content: string, node: unknown): string {
  const text = oneLine(content)
  return text === '' ? '' : `[${text}](${(node as Anchor).getAttribute('href')})`
}

function oneLine(content: string): string {
  return content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ')
}
