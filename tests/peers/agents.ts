import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../steward.ts'

/** Makes an agent; answers what the server says of it. */
export async function newAgent(client: Client, more: Record<string, unknown> = {}): Promise<any> {
  const answer = await client.post('/api/agents', { name: 'Helper', prompt: 'Help with everything.', ...more })
  if (answer.status !== 201) throw new Error(`no agent: ${answer.text}`)
  return answer.body
}

/** Puts an agent to work and waits for the end; answers the whole run. */
export async function worked(client: Client, agentId: string, body: object = {}): Promise<any> {
  const { status, text, body: started } = await client.post(`/api/agents/${agentId}/run`, body)
  if (status !== 202) throw new Error(`did not start: ${text}`)
  return ended(client, started.run_id)
}

/** Waits until a run has ended; answers it whole. */
export const ended = (client: Client, runId: string): Promise<any> =>
  reached(client, runId, (run) => run.ended_at !== null)

/** Waits until a run is as wanted; answers it whole. */
export async function reached(client: Client, runId: string, wanted: (run: any) => boolean): Promise<any> {
  for (let look = 0; look < 500; look++) {
    const { body } = await client.get(`/api/runs/${runId}`)
    if (wanted(body)) return body
    await sleep(20)
  }
  const { body } = await client.get(`/api/runs/${runId}`)
  throw new Error(`run ${runId} did not get there: ${JSON.stringify(body).slice(0, 2_000)}`)
}
