const MARK = '- '
const DEEPEST_QUOTE = 20

export type Lines = ReturnType<typeof createLines>

/** Lines as they are written; empty ones never follow each other. */
export function createLines() {
  const done: string[] = []
  const line: string[] = []
  let spaced = true
  let depth = 0
  let empty = true

  function push(text: string): void {
    if (text === '' && empty) return
    empty = text === ''
    done.push(`${'> '.repeat(Math.min(depth, DEEPEST_QUOTE))}${text}`.trimEnd())
  }

  function add(text: string): void {
    const next = spaced ? text.replace(/^ /, '') : text
    if (next === '') return
    line.push(next)
    spaced = next.endsWith(' ')
  }

  function take(): string {
    const text = line.join('').trimEnd()
    line.length = 0
    spaced = true
    return text
  }

  /** Begins a new line where something stands in this one; the mark of an item waits for its words. */
  function open(): void {
    if (line.length === 1 && line[0] === MARK) return
    const text = take()
    if (text !== '') push(text)
  }

  function gap(): void {
    open()
    if (line.length === 0 && !empty) push('')
  }

  const end = (): void => push(take())

  return {
    open,
    gap,
    end,

    words(text: string, pre: boolean): void {
      if (!pre) return add(text.replace(/[\s\u00a0]+/g, ' '))
      const [first = '', ...rest] = text.split('\n')
      add(first)
      for (const next of rest) {
        end()
        add(next)
      }
    },

    item(): void {
      open()
      add(MARK)
    },

    rule(): void {
      open()
      push('---')
    },

    /** One quotation further in, or out again. */
    quote(by: 1 | -1): void {
      if (by > 0) gap()
      else open()
      depth = Math.max(0, depth + by)
    },

    text(): string {
      const last = take()
      if (last !== '') push(last)
      return done.join('\n').trim()
    },
  }
}
