import type { Token, Tokens } from 'marked'

type Lex = (text: string) => Token[]

/** A block that has this many after it cannot change any more, whatever is still to come. */
const UNSETTLED = 2

/** A definition of a link may stand anywhere and concern any block, so such texts are read as a whole. */
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m

/**
 * Reads the blocks of a text that mostly grows: paragraphs, lists, code. What is settled is not read again, so that a long
 * answer costs no more a piece than a short one.
 */
export function createBlockReader(lex: Lex): (text: string) => Token[] {
  let settled: Token[] = []
  let settledText = ''

  function settle(tokens: Token[]): void {
    const blocks = tokens.filter(isBlock)
    const last = blocks.at(-UNSETTLED)
    if (!last) return
    const done = tokens.slice(0, tokens.indexOf(last))
    settled = [...settled, ...done.filter(isBlock)]
    settledText += done.map(({ raw }) => raw).join('')
  }

  return (given) => {
    const text = given.replace(/\r\n?/g, '\n')
    if (DEFINITION.test(text)) return levelled(lex(text).filter(isBlock))
    if (!text.startsWith(settledText)) {
      settled = []
      settledText = ''
    }
    const tail = text.slice(settledText.length)
    const tokens = lex(tail)
    const blocks = [...settled, ...tokens.filter(isBlock)]
    if (tokens.reduce((sum, { raw }) => sum + raw.length, 0) === tail.length) settle(tokens)
    return levelled(blocks)
  }
}

const isBlock = ({ type }: Token): boolean => type !== 'space' && type !== 'def'

const isHeading = (block: Token): block is Tokens.Heading => block.type === 'heading'

/** The highest heading of an answer becomes its first level, so that levels are not skipped. */
function levelled(blocks: Token[]): Token[] {
  const highest = Math.min(...blocks.filter(isHeading).map(({ depth }) => depth))
  return blocks.map((block) => (isHeading(block) ? { ...block, depth: block.depth - highest + 1 } : block))
}
