import { readablePage, type PageNode } from './html.ts'
import { toMarkdown } from './markdown.ts'

/** What a page says, as Markdown. `title` is empty where it has none; `cut` says that its end was not read. */
export type PageText = { title: string; text: string; cut: boolean }

/** The article of a web page with its title; everything on the page where there is no article. */
export async function articleOf(html: string, url: string): Promise<PageText> {
  const { document, cut } = await readablePage(html, url)
  const { title } = document
  // @NOTE bundled, a CommonJS package has nothing but its default export.
  const { Readability, isProbablyReaderable } = (await import('@mozilla/readability')).default
  const page = document as never
  const readable = isProbablyReaderable(page, { visibilityChecker: () => true })
  const options = { disableJSONLD: true, serializer: (node: unknown) => node as PageNode }
  const article = readable ? new Readability<PageNode>(page, options).parse() : null
  if (article?.content) return { title: article.title || title, text: await toMarkdown(article.content), cut }
  // @NOTE Readability takes the page apart while it looks, so a page it gave up on is read anew.
  const whole = readable ? (await readablePage(html, url)).document : document
  return { title, text: await toMarkdown(whole.body), cut }
}
