import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Server } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'

/**
 * A small tool server over the official library. What its tools are and do stands in a script, which is read anew each time; it
 * notes what it was asked. As a program: node mcp-server.ts script.json calls.log
 */
export type ToolScript = {
  description?: string
  inputSchema?: object
  /** What calling it does: an answer, an answer of so many characters, a failure, its end, or nothing for ever. */
  does?: { say: string } | { big: number } | { fail: string } | 'die' | 'hang' | 'environment'
  annotations?: object
}
export type Script = Record<string, ToolScript>

export function scripted(script: () => Script, note: (line: string) => void = () => {}): Server {
  const server = new Server({ name: 'tiny', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(script()).map(([name, tool]) => ({
      name,
      inputSchema: { type: 'object' as const, properties: { text: { type: 'string' } }, ...tool.inputSchema },
      ...(tool.description === undefined ? {} : { description: tool.description }),
      ...(tool.annotations === undefined ? {} : { annotations: tool.annotations }),
    })),
  }))
  server.setRequestHandler('tools/call', async ({ params }) => {
    note(JSON.stringify({ name: params.name, arguments: params.arguments ?? {} }))
    const does = script()[params.name]?.does ?? { say: `You said ${String(params.arguments?.text)}.` }
    if (does === 'die') process.kill(process.pid, 'SIGKILL')
    if (does === 'die' || does === 'hang') return new Promise<never>(() => {})
    if (does === 'environment') return said(JSON.stringify(process.env))
    if ('big' in does) return said('x'.repeat(does.big))
    if ('fail' in does) return { ...said(does.fail), isError: true }
    return said(does.say)
  })
  return server
}

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , script = '', log = ''] = process.argv
  const read = () => (existsSync(script) ? (JSON.parse(readFileSync(script, 'utf8')) as Script) : {})
  appendFileSync(log, `started ${process.pid}\n`)
  await scripted(read, (line) => appendFileSync(log, `${line}\n`)).connect(new StdioServerTransport())
}
