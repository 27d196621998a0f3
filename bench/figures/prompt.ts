import { scratch, startHouse, startModel } from '../processes.ts'
import { limited, printTable, show, type Row } from '../table.ts'
import { ask, stewardSide } from '../talk.ts'

const BYTES_A_TOKEN = 4

/** Everything that is sent to the model for "ping" in a new conversation, as it goes over the wire. */
export async function prompt(): Promise<Row[]> {
  await using model = await startModel(1)
  await using steward = await startHouse(model.url, scratch())
  const socket = await stewardSide(steward).open()
  await ask(socket, 'ping')
  socket.close()
  const text = await (await fetch(`${model.url}/last`)).text()
  const body = JSON.parse(text) as Record<string, unknown>
  printTable(
    ['sent for "ping"', 'tokens'],
    ['system', 'tools', 'messages'].map((part) => [part, show(tokens(JSON.stringify(body[part] ?? null)))]),
  )
  return [limited({ figure: 'prompt for "ping"', value: tokens(text), unit: 'tokens' }, 1_500)]
}

const tokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN)
