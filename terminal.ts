import type { ReadStream } from 'node:tty'

const END = ['\u0003', '\u0004']
const BACK = ['\u007f', '\b']

/**
 * Lines typed at a terminal that shows none of them, one for each prompt; it is unseeing from before the first prompt until
 * after the last line. Undefined where the typist gives up (Ctrl-C, Ctrl-D).
 */
export function typedUnseen(prompts: string[], input: ReadStream = process.stdin): Promise<string[] | undefined> {
  input.setRawMode(true).setEncoding('utf8').resume()
  process.stderr.write(prompts[0]!)
  return new Promise((resolve) => {
    const lines: string[] = []
    let line = ''
    const end = (result: string[] | undefined) => {
      input.off('data', read).setRawMode(false).pause()
      resolve(result)
    }
    const giveUp = () => {
      process.stderr.write('\n')
      end(undefined)
    }
    const next = () => {
      lines.push(line)
      line = ''
      process.stderr.write(`\n${prompts[lines.length] ?? ''}`)
      if (lines.length === prompts.length) end(lines)
    }
    const take = (key: string) => {
      if (END.includes(key)) giveUp()
      else if (key === '\r' || key === '\n') next()
      else line = BACK.includes(key) ? [...line].slice(0, -1).join('') : line + key
    }
    const read = (chunk: string | Buffer) => [...String(chunk)].forEach(take)
    input.on('data', read)
  })
}

/** The first line of what is piped in. */
export async function pipedLine(input: AsyncIterable<Buffer | string> = process.stdin): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8').split(/\r?\n/)[0]!
}
