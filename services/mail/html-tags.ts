import { Tokenizer } from 'htmlparser2'

/** A piece of HTML as it comes along, character references read. */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'open'; name: string; attributes: Attributes }
  | { kind: 'close'; name: string }

export type Attributes = ReadonlyMap<string, string>

const MOST_ATTRIBUTES = 50

/**
 * Tells the pieces of a text in order; comments and declarations are left out. Only the tokeniser of htmlparser2 is used: its
 * parser keeps what is open in a list that every tag goes through, which a mail with 100,000 open tags makes slow.
 */
export function eachPiece(html: string, tell: (piece: Piece) => void): void {
  let name = ''
  let attributes = new Map<string, string>()
  let attribute = ''
  let value = ''
  const between = (start: number, end: number) => html.slice(start, end)
  const text = (words: string) => tell({ kind: 'text', text: words })
  const opened = () => tell({ kind: 'open', name, attributes })
  const nothing = () => {}

  const tokenizer = new Tokenizer(
    { xmlMode: false, decodeEntities: true },
    {
      ontext: (start, end) => text(between(start, end)),
      ontextentity: (point) => text(String.fromCodePoint(point)),
      onopentagname(start, end) {
        name = between(start, end).toLowerCase()
        attributes = new Map()
      },
      onattribname(start, end) {
        attribute = between(start, end).toLowerCase()
        value = ''
      },
      onattribdata: (start, end) => void (value += between(start, end)),
      onattribentity: (point) => void (value += String.fromCodePoint(point)),
      onattribend() {
        if (attributes.size < MOST_ATTRIBUTES && !attributes.has(attribute)) attributes.set(attribute, value)
      },
      onopentagend: opened,
      onselfclosingtag: opened,
      onclosetag: (start, end) => tell({ kind: 'close', name: between(start, end).toLowerCase() }),
      oncdata: nothing,
      oncomment: nothing,
      ondeclaration: nothing,
      onprocessinginstruction: nothing,
      onend: nothing,
    },
  )
  tokenizer.write(html)
  tokenizer.end()
}
