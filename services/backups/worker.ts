import { parentPort, workerData } from 'node:worker_threads'
import { AppError, messageOf, type ErrorCode } from '../errors.ts'
import { drillBackup, type Drilled, type DrillOrder } from './drill.ts'
import { makeBackup, type BackupOrder } from './make.ts'

/** One piece of work in a thread of its own, so that reading a large database and its files holds nobody up. */
export type Job = ({ kind: 'backup' } & Omit<BackupOrder, 'now'>) | ({ kind: 'drill' } & DrillOrder)

export type Outcome =
  { name: string; bytes: number; files: number; rows: number } | { failure: string; code: ErrorCode | undefined }

async function work(job: Job): Promise<Outcome> {
  if (job.kind === 'drill') return shown(await drillBackup(job))
  const { name, bytes, manifest } = await makeBackup(job)
  const rows = Object.values(manifest.counts).reduce((sum, count) => sum + count, 0)
  return { name, bytes, files: manifest.files.length - 1, rows }
}

const shown = ({ name, files, rows }: Drilled) => ({ name, bytes: 0, files, rows })

if (parentPort) {
  const outcome = await work(workerData as Job).catch((error: unknown): Outcome => ({
    failure: messageOf(error),
    code: error instanceof AppError ? error.code : undefined,
  }))
  parentPort.postMessage(outcome)
}
