import type { Readable } from 'node:stream'
import type { BusboyConstructor, BusboyInstance } from '@fastify/busboy'
import type { Request } from 'express'
import { AppError, invalidField } from '../services/errors.ts'
import type { Staged } from '../services/files/uploads.ts'
import { mayTakeLong } from './connections.ts'

const MOST_FILES = 100
/** Nobody holds an upload open without sending anything. */
const IDLE_MS = 60_000
/** What is still on its way after a refusal is taken in and dropped, so that the refusal can be read; then it is cut off. */
const LINGER_MS = 15_000

const LIMITS = { files: MOST_FILES, parts: 2 * MOST_FILES, fields: MOST_FILES, fieldSize: 64 * 1024, headerPairs: 20, headerSize: 8 * 1024 } // prettier-ignore

export type Taking = {
  /** The field that files come in. */
  field: string
  /** Takes in one file. Whatever it throws ends the upload. */
  take: (name: string, content: AsyncIterable<Buffer>) => Promise<Staged>
  /** Lets go of a file that was taken in when another one failed. */
  drop: (staged: Staged) => Promise<void>
}

/**
 * Takes in the files of a multipart request as they come, no faster than they are written. All of them, or none: where one
 * fails, or the sender goes away, those before are dropped and the refusal is thrown.
 */
export async function filesOf(req: Request, { field, take, drop }: Taking): Promise<Staged[]> {
  mayTakeLong(req)
  req.setTimeout(IDLE_MS)
  const { Busboy } = (await import('@fastify/busboy')).default
  const boy = openBusboy(Busboy, req)
  const streams: Readable[] = []
  const taken: Promise<Staged>[] = []
  const dropAll = async () => {
    const settled = await Promise.allSettled(taken)
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? drop(one.value) : undefined)))
  }

  try {
    await new Promise<void>((resolve, reject) => {
      boy.on('file', (name, stream, filename) => {
        streams.push(stream.on('error', () => {}))
        const one = name === field ? take(filename ?? '', stream) : Promise.reject(wrongField(field))
        one.catch(reject)
        taken.push(one)
      })
      for (const limit of ['filesLimit', 'partsLimit', 'fieldsLimit'] as const)
        boy.on(limit, () => reject(new AppError('too_large', `Send at most ${MOST_FILES} files at once.`)))
      boy.on('error', (error: Error) => reject(malformed(error)))
      boy.on('finish', () => Promise.all(taken).then(() => resolve(), reject))
      req.once('close', () => req.complete || reject(new AppError('invalid', 'The upload was broken off.')))
      req.once('error', reject)
      req.pipe(boy)
    })
    if (taken.length === 0) throw invalidField(field, `There is no file in the field "${field}".`)
    return await Promise.all(taken)
  } catch (error) {
    req.unpipe(boy)
    letGo(req)
    for (const stream of streams) stream.destroy(error as Error)
    await dropAll()
    throw error
  }
}

function openBusboy(Busboy: BusboyConstructor, req: Request): BusboyInstance {
  const contentType = req.headers['content-type']!
  try {
    return new Busboy({ headers: { ...req.headers, 'content-type': contentType }, preservePath: true, limits: LIMITS })
  } catch (error) {
    throw malformed(error as Error)
  }
}

function letGo(req: Request): void {
  req.resume()
  const { socket } = req
  const timer = setTimeout(() => req.complete || socket.destroy(), LINGER_MS).unref()
  req.once('close', () => clearTimeout(timer))
}

const wrongField = (field: string): AppError => invalidField(field, `Send files in the field "${field}" only.`)

const malformed = (cause: Error): AppError =>
  new AppError('invalid', 'The body is no complete multipart/form-data.', { cause })
