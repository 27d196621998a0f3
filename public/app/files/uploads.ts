import { signal } from '@preact/signals'
import { ApiError, leadAway, refusal, sentence } from '../api.ts'
import { fileSize } from '../format.ts'
import { apiOf } from './places.ts'

/** A file on its way. It goes on while the reader looks at other pages. */
export type Upload = {
  id: number
  name: string
  folder: string
  size: number
  sent: number
  state: 'waiting' | 'going' | 'done' | 'failed'
  problem: string | null
}

export const uploads = signal<Upload[]>([])
/** Counts what has arrived; whoever shows a folder looks again. */
export const arrived = signal(0)

const files = new Map<number, File>()
const requests = new Map<number, XMLHttpRequest>()
const AT_ONCE = 2
let next = 1

/** What was chosen, and the folder it goes to. */
export type Chosen = { file: File; folder: string }

/** Sends files, two at a time. `most` is the largest the server takes. */
export function send(chosen: readonly Chosen[], most: number): void {
  const added = chosen.map(({ file, folder }) => begin(file, folder, most))
  uploads.value = [...uploads.value.filter(({ state }) => state !== 'done'), ...added]
  goOn()
}

function begin(file: File, folder: string, most: number): Upload {
  const id = next++
  files.set(id, file)
  const tooLarge = file.size > most ? `It is larger than the ${fileSize(most)} that one upload may have.` : null
  const state = tooLarge ? ('failed' as const) : ('waiting' as const)
  return { id, name: file.name, folder, size: file.size, sent: 0, state, problem: tooLarge }
}

/** Stops a file, or takes it off the list. */
export function cancel(id: number): void {
  uploads.value = uploads.value.filter((one) => one.id !== id)
  files.delete(id)
  requests.get(id)?.abort()
}

export function again(id: number): void {
  change(id, { state: 'waiting', sent: 0, problem: null })
  goOn()
}

/** Takes everything off the list that is over. */
export function tidy(): void {
  for (const { id } of uploads.value.filter(({ state }) => state === 'done' || state === 'failed')) cancel(id)
}

function change(id: number, values: Partial<Upload>): void {
  uploads.value = uploads.value.map((one) => (one.id === id ? { ...one, ...values } : one))
}

function goOn(): void {
  while (requests.size < AT_ONCE) {
    const waiting = uploads.value.find(({ state }) => state === 'waiting')
    if (!waiting) return
    transfer(waiting, files.get(waiting.id)!)
  }
}

function transfer({ id, folder, name }: Upload, file: File): void {
  const request = new XMLHttpRequest()
  const form = new FormData()
  form.append('file', file, name)
  requests.set(id, request)
  change(id, { state: 'going' })
  request.upload.onprogress = ({ loaded, total }) => change(id, { sent: total > 0 ? (loaded / total) * file.size : 0 })
  request.onload = () => (request.status === 201 ? finish(id) : fail(id, refusal(request.status, parsed(request))))
  request.onerror = () =>
    fail(id, new ApiError(0, 'offline', 'The connection broke. The old version, if any, is as it was.'))
  request.onloadend = () => {
    requests.delete(id)
    goOn()
  }
  request.open('POST', apiOf(folder))
  request.setRequestHeader('Accept', 'application/json')
  request.send(form)
}

function finish(id: number): void {
  files.delete(id)
  change(id, { state: 'done', sent: uploads.value.find((one) => one.id === id)?.size ?? 0 })
  arrived.value++
}

function fail(id: number, error: ApiError): void {
  leadAway(error)
  change(id, { state: 'failed', problem: sentence(error) })
}

function parsed({ responseText }: XMLHttpRequest): unknown {
  try {
    return JSON.parse(responseText)
  } catch {
    return null
  }
}
