import assert from 'node:assert/strict'
import type { Answer } from '../steward.ts'

/** Fails unless it is this refusal, in the one shape there is, with one sentence and without inner workings. */
export function refused(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], answer.text.slice(0, 300))
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  assert.deepEqual(
    Object.keys(answer.body).filter((name) => !['error', 'code', 'detail'].includes(name)),
    [],
  )
  assert.match(answer.body.error, /^\S.*[.]$/, 'one sentence')
  assert.doesNotMatch(
    answer.text,
    /\bat .+:\d+:\d+|node_modules|\.ts\b|\.js:\d|SQLITE|<!doctype|<html/i,
    'no inner workings',
  )
}
