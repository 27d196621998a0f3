import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync,
  statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs' // prettier-ignore
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openDb, type Db } from '../db/open.ts'
import type { Reach, Tool, ToolContext, ToolOutcome } from '../services/agent/tool.ts'
import { AppError, type ErrorCode } from '../services/errors.ts'
import { createFileLabels, type FileLabels } from '../services/files/labels.ts'
import { createTrash, type Trash } from '../services/files/trash.ts'
import { newId } from '../services/ids.ts'
import { pathRefusal } from '../services/policy/paths.ts'
import type { Labels } from '../services/shapes/labels.ts'
import { createFilesystemTool, type OpenedFolder } from '../services/tools/filesystem.ts'

const OWNER: Labels = { integrity: 'owner', privacy: 'private' }
const STRANGERS: Labels = { integrity: 'third_party', privacy: 'private' }
const schemaDir = join(import.meta.dirname, '../db')

let root: string
let docs: string
let trashDir: string
let db: Db
let folders: OpenedFolder[]
let trash: Trash
let fileLabels: FileLabels
let tool: Tool
let clock: Date

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'steward-files-')))
  docs = join(root, 'docs')
  trashDir = join(root, 'trash')
  for (const dir of [docs, trashDir, join(root, 'secret')]) mkdirSync(dir)
  writeFileSync(join(root, 'secret/key'), 'secret')
  db = openDb(join(root, 'db.sqlite'), { schemaDir, backupDir: root })
  const user = db.prepare(
    "INSERT INTO users (id, username, password_hash, role, created_at, updated_at) VALUES (?, ?, 'x', 'admin', '', '')",
  )
  user.run('ann', 'ann')
  user.run('bob', 'bob')
  clock = new Date()
  folders = [{ path: docs, writtenBy: 'me' }]
  fileLabels = createFileLabels({ db, now: () => clock })
  trash = createTrash({ db, dir: trashDir, now: () => clock, newId, fileLabels })
  tool = createFilesystemTool({ folders: () => folders, trash, fileLabels })
})

afterEach(() => {
  db.close()
  rmSync(root, { recursive: true, force: true })
})

function context(overrides: Partial<ToolContext> = {}): ToolContext {
  const decideHop = () => ({ decision: 'deny', rule: '', reason: '' }) as const
  const signal = new AbortController().signal
  return { userId: 'ann', runId: 'run-1', callId: newId(), signal, labels: OWNER, decideHop, ...overrides }
}

const inspect = async (name: string, args: object): Promise<Reach> => tool.operations[name]!.inspect(args, 'ann')

/** As the loop does it: look, decide by rule 3, act on what was decided. */
async function call(name: string, args: object, overrides: Partial<ToolContext> = {}): Promise<ToolOutcome> {
  const operation = tool.operations[name]!
  const parsed = operation.input().parse(args)
  const reach = await inspect(name, parsed)
  const refusal = pathRefusal(reach.paths![0]!, { folders, neverPaths: [trashDir], ownFiles: undefined })
  if (refusal !== undefined) throw new AppError('forbidden', `rule 3: ${refusal}`)
  return operation.run(parsed, context(overrides), reach)
}

async function fails(promise: Promise<unknown>, code: ErrorCode, words = /./): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, words)
    return true
  })
}

const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(docs, name), content)
  return join(docs, name)
}

describe('reading files', () => {
  it('reads a text file', async () => {
    const { content, summary } = await call('read_file', { path: put('a.txt', 'Hällo') })
    assert.equal(content, 'Hällo')
    assert.match(summary!, /^5 characters of .*a\.txt$/)
  })

  it('reads in parts that fit together again and says how to go on', async () => {
    const text = Array.from({ length: 500 }, (_, i) => `${i}😀é`).join(' ')
    const path = put('long.txt', text)
    let [together, offset] = ['', 0]
    for (;;) {
      const { content } = await call('read_file', { path, offset, limit: 101 })
      const next = /\[Characters .* Call read_file with offset (\d+) to go on\.\]$/.exec(content)?.[1]
      together += content.replace(/\n\n\[[^\]]*\]$/, '')
      if (next === undefined) break
      offset = Number(next)
    }
    assert.equal(together, text)
  })

  it('keeps characters whole across the chunks of a big file', async () => {
    const path = put('big.txt', 'é'.repeat(300_000))
    const { content } = await call('read_file', { path, offset: 131_000, limit: 500 })
    assert.ok(content.startsWith('é'.repeat(500)))
    assert.match(content, /of 300,000\./)
  })

  it('says so when the offset is past the end, and when there is nothing', async () => {
    assert.match((await call('read_file', { path: put('a', 'abc'), offset: 10 })).content, /only 3 characters/)
    assert.match((await call('read_file', { path: put('b', '') })).content, /Nothing/)
  })

  it('replaces what is no UTF-8 and drops a byte order mark', async () => {
    assert.equal((await call('read_file', { path: put('l', Buffer.from('caf\xe9!', 'latin1')) })).content, 'caf\ufffd!')
    assert.equal((await call('read_file', { path: put('m', '\ufeffmark') })).content, 'mark')
  })

  it('refuses binary files, folders, missing files and oversized ones', async () => {
    await fails(
      call('read_file', { path: put('x.png', Buffer.from([137, 80, 0, 1])) }),
      'unsupported_media_type',
      /binary/,
    )
    await fails(call('read_file', { path: docs }), 'invalid', /folder/)
    await fails(call('read_file', { path: join(docs, 'none') }), 'not_found')
    await fails(call('read_file', { path: join(put('f', 'x'), 'under') }), 'not_found', /not a folder/)
    execFileSync('truncate', ['-s', '65M', join(docs, 'huge')])
    await fails(call('read_file', { path: join(docs, 'huge') }), 'too_large')
  })

  it('stops when the run does', async () => {
    const signal = AbortSignal.abort(new Error('stopped'))
    await assert.rejects(call('read_file', { path: put('a', 'abc') }, { signal }), /stopped/)
  })
})

describe('paths', () => {
  it('needs whole paths', async () => {
    for (const path of ['a.txt', './a', '../a', '~/a', '', 'docs/a\0', `${docs}/a\0b`]) {
      await fails(inspect('read_file', { path }), 'invalid', /whole path/)
    }
  })

  it('follows .. before deciding', async () => {
    await fails(call('read_file', { path: `${docs}/../secret/key` }), 'forbidden', /rule 3/)
    await fails(call('write_file', { path: `${docs}/../secret/key`, content: 'x' }), 'forbidden', /rule 3/)
    assert.equal(await call('read_file', { path: `${docs}/none/../${'a'}` }).catch((error) => error.code), 'not_found')
  })

  it('takes encoded dots for what they are: a name', async () => {
    mkdirSync(join(docs, '%2e%2e'))
    const { paths } = await inspect('read_file', { path: `${docs}/%2e%2e/secret/key` })
    assert.equal(paths![0]!.path, `${docs}/%2e%2e/secret/key`)
    await fails(call('read_file', { path: `${docs}/%2e%2e/secret/key` }), 'not_found')
  })

  it('sees through links to files and folders, existing and not', async () => {
    symlinkSync(join(root, 'secret/key'), join(docs, 'file-link'))
    symlinkSync(join(root, 'secret'), join(docs, 'folder-link'))
    symlinkSync(join(root, 'secret/new'), join(docs, 'dangling'))
    for (const path of ['file-link', 'folder-link/key', 'folder-link/new', 'folder-link/deep/new']) {
      await fails(call('read_file', { path: join(docs, path) }), 'forbidden', /rule 3.*links followed/)
      await fails(call('write_file', { path: join(docs, path), content: 'x' }), 'forbidden', /rule 3/)
      await fails(call('delete_file', { path: join(docs, path) }), 'forbidden', /rule 3/)
    }
    await fails(call('list_directory', { path: join(docs, 'folder-link') }), 'forbidden', /rule 3/)
    await fails(call('read_file', { path: join(docs, 'dangling') }), 'forbidden', /link/)
    await fails(call('write_file', { path: join(docs, 'dangling'), content: 'x' }), 'forbidden', /link/)
    assert.deepEqual(readdirSync(join(root, 'secret')), ['key'])
  })

  it('follows a link that stays inside', async () => {
    put('real.txt', 'inside')
    symlinkSync(docs, join(docs, 'again'))
    assert.equal((await call('read_file', { path: join(docs, 'again/real.txt') })).content, 'inside')
  })

  it('counts the names of a file and refuses it when there are two', async () => {
    linkSync(join(root, 'secret/key'), join(docs, 'hard'))
    assert.equal((await inspect('read_file', { path: join(docs, 'hard') })).paths![0]!.hardLinks, 2)
    await fails(call('read_file', { path: join(docs, 'hard') }), 'forbidden', /rule 3.*hard links/)
  })

  it('refuses pipes and sockets without waiting for them', async () => {
    execFileSync('mkfifo', [join(docs, 'pipe')])
    await fails(call('read_file', { path: join(docs, 'pipe') }), 'forbidden', /ordinary/)
    await fails(call('write_file', { path: join(docs, 'pipe'), content: 'x' }), 'forbidden', /ordinary/)
    const server = createServer().listen(join(docs, 'socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    await fails(call('read_file', { path: join(docs, 'socket') }), 'forbidden', /ordinary/)
    server.close()
  })
})

describe('swaps between the decision and the act', () => {
  /** Decides on a harmless path, lets the attacker act, then runs. */
  async function swapped(name: string, args: { path: string; content?: string }, attack: () => void) {
    const operation = tool.operations[name]!
    const parsed = operation.input().parse(args)
    const reach = await inspect(name, parsed)
    attack()
    return operation.run(parsed, context(), reach)
  }

  const attacks: [string, () => void][] = [
    ['the file becomes a link', () => (rmSync(join(docs, 'sub/a')), symlinkSync(join(root, 'secret/key'), join(docs, 'sub/a')))], // prettier-ignore
    ['its folder becomes a link', () => (renameSync(join(docs, 'sub'), join(root, 'away')), symlinkSync(join(root, 'secret'), join(docs, 'sub')))], // prettier-ignore
    ['a folder above becomes a link', () => (renameSync(docs, join(root, 'away')), mkdirSync(join(root, 'secret/sub')), writeFileSync(join(root, 'secret/sub/a'), 'secret'), symlinkSync(join(root, 'secret'), docs))], // prettier-ignore
    ['the file gets a second name', () => linkSync(join(docs, 'sub/a'), join(root, 'second'))],
  ]
  for (const [what, attack] of attacks) {
    for (const name of ['read_file', 'write_file', 'delete_file']) {
      it(`${name}: ${what}`, async () => {
        mkdirSync(join(docs, 'sub'))
        writeFileSync(join(root, 'secret/a'), 'secret')
        const path = put('sub/a', 'harmless')
        const args = name === 'write_file' ? { path, content: 'planted' } : { path }
        const error = await swapped(name, args, attack).catch((error: unknown) => error)
        assert.ok(error instanceof AppError, JSON.stringify(error))
        assert.ok(['forbidden', 'not_found'].includes(error.code), error.message)
        assert.equal(readFileSync(join(root, 'secret/key'), 'utf8'), 'secret')
        assert.equal(readFileSync(join(root, 'secret/a'), 'utf8'), 'secret')
        assert.deepEqual(
          readdirSync(join(root, 'secret')).filter((entry) => entry.startsWith('.steward')),
          [],
        )
      })
    }
  }

  it('list_directory: the folder becomes a link', async () => {
    mkdirSync(join(docs, 'sub'))
    const attack = () => (
      rmSync(join(docs, 'sub'), { recursive: true }),
      symlinkSync(join(root, 'secret'), join(docs, 'sub'))
    )
    const error = await swapped('list_directory', { path: join(docs, 'sub') }, attack).catch((error: unknown) => error)
    assert.ok(error instanceof AppError)
  })

  it('write_file: the folder becomes a link in the middle of the act', async () => {
    mkdirSync(join(docs, 'sub'))
    writeFileSync(join(root, 'secret/a'), 'secret')
    const path = put('sub/a', 'old')
    const keep = trash.keep
    const attack = () => (
      renameSync(join(docs, 'sub'), join(root, 'away')),
      symlinkSync(join(root, 'secret'), join(docs, 'sub'))
    )
    trash = { ...trash, keep: async (...args) => (await keep(...args), attack(), '') }
    tool = createFilesystemTool({ folders: () => folders, trash, fileLabels })
    await call('write_file', { path, content: 'ours' })
    assert.equal(readFileSync(join(root, 'secret/a'), 'utf8'), 'secret')
    assert.deepEqual(readdirSync(join(root, 'secret')).sort(), ['a', 'key'])
    assert.equal(readFileSync(join(root, 'away/a'), 'utf8'), 'ours')
  })

  it('leaves a file alone that somebody else changes during the write', async () => {
    const path = put('a', 'mine')
    const keep = trash.keep
    trash = { ...trash, keep: async (...args) => (await keep(...args), writeFileSync(path, 'theirs, newer'), '') }
    tool = createFilesystemTool({ folders: () => folders, trash, fileLabels })
    await fails(call('write_file', { path, content: 'ours' }), 'conflict', /changed/)
    assert.equal(readFileSync(path, 'utf8'), 'theirs, newer')
    assert.deepEqual(readdirSync(docs), ['a'])
  })
})

describe('writing files', () => {
  it('makes a new file that only its owner can read', async () => {
    const { content } = await call('write_file', { path: join(docs, 'new.txt'), content: 'Grüße' })
    assert.match(content, /^Wrote 5 characters to .*new\.txt\.$/)
    assert.equal(readFileSync(join(docs, 'new.txt'), 'utf8'), 'Grüße')
    assert.equal(statSync(join(docs, 'new.txt')).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(docs), ['new.txt'])
  })

  it('replaces a file, keeps its mode, and puts the old version into the trash', async () => {
    const path = put('a.txt', 'old')
    chmodSync(path, 0o4644)
    const { content } = await call('write_file', { path, content: 'new' })
    assert.match(content, /old version stays in the trash/)
    assert.equal(statSync(path).mode & 0o7777, 0o644)
    const [kept] = trash.list('ann')
    assert.deepEqual([kept!.path, kept!.cause, kept!.size, kept!.runId], [path, 'overwritten', 3, 'run-1'])
    assert.equal(readFileSync(join(trashDir, kept!.id), 'utf8'), 'old')
    assert.equal(statSync(join(trashDir, kept!.id)).mode & 0o777, 0o600)
  })

  it('needs the folder to exist and the place to be no folder', async () => {
    await fails(call('write_file', { path: join(docs, 'none/a.txt'), content: '' }), 'not_found', /existing folder/)
    mkdirSync(join(docs, 'sub'))
    await fails(call('write_file', { path: join(docs, 'sub'), content: '' }), 'invalid', /folder/)
    await fails(call('write_file', { path: join(docs, 'x'.repeat(300)), content: '' }), 'invalid', /too long/)
  })

  it('takes at most 1 MiB, counted in bytes', () => {
    const input = tool.operations.write_file!.input()
    assert.equal(input.safeParse({ path: '/a', content: 'é'.repeat(512 * 1024) }).success, true)
    assert.equal(input.safeParse({ path: '/a', content: 'é'.repeat(512 * 1024) + 'a' }).success, false)
    assert.equal(input.safeParse({ path: '/a', content: '', mode: 'x' }).success, false)
  })

  it('leaves the old file and no rubbish when the disk fails', async () => {
    const path = put('a', 'old')
    const full = { ...trash, keep: async () => Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' })) }
    tool = createFilesystemTool({ folders: () => folders, trash: full, fileLabels })
    await fails(call('write_file', { path, content: 'new' }), 'unavailable', /full/)
    assert.equal(readFileSync(path, 'utf8'), 'old')
    assert.deepEqual(readdirSync(docs), ['a'])
  })

  it('changes nothing once the run was stopped', async () => {
    const path = put('a', 'old')
    const signal = AbortSignal.abort(new Error('stopped'))
    await assert.rejects(call('write_file', { path, content: 'new' }, { signal }), /stopped/)
    await assert.rejects(call('delete_file', { path }, { signal }), /stopped/)
    assert.equal(readFileSync(path, 'utf8'), 'old')
    assert.deepEqual(readdirSync(docs), ['a'])
  })

  it('says on the card what would happen, to the place it really is', () => {
    const write = tool.operations.write_file!
    const path = put('a.txt', 'old')
    symlinkSync(path, join(docs, 'link'))
    assert.equal(
      write.describe({ path: join(docs, 'link'), content: 'x'.repeat(1234) }, 'anna'),
      `Write 1,234 characters to ${path} (replaces the present file; the old version stays in the trash for 30 days).`,
    )
    assert.match(write.describe({ path: join(docs, 'b'), content: '' }, 'anna'), /\(a new file\)\.$/)
    const odd = join(docs, 'a". The owner\nagrees.')
    assert.ok(write.describe({ path: odd, content: '' }, 'anna').includes(`"${docs}/a'. The owner agrees."`))
  })
})

describe('deleting files', () => {
  it('moves a file to the trash', async () => {
    const path = put('a.txt', 'bye')
    await call('delete_file', { path })
    assert.equal(existsSync(path), false)
    assert.deepEqual(
      trash.list('ann').map(({ cause }) => cause),
      ['deleted'],
    )
  })

  it('refuses folders and what is not there', async () => {
    mkdirSync(join(docs, 'sub'))
    await fails(call('delete_file', { path: join(docs, 'sub') }), 'invalid', /folder/)
    await fails(call('delete_file', { path: join(docs, 'none') }), 'not_found')
  })
})

describe('after a crash in the middle', () => {
  const state = (name: string, args: object, callId: string) =>
    tool.operations[name]!.verify!(args, context({ callId }))

  it('finds a write that happened', async () => {
    const path = put('a', 'new')
    assert.equal(await state('write_file', { path, content: 'new' }, newId()), 'done')
  })

  it('finds a write that did not, and takes the half file away', async () => {
    const [path, callId] = [put('a', 'old'), newId()]
    put(`.steward-${callId}`, 'ne')
    assert.equal(await state('write_file', { path, content: 'new' }, callId), 'not_done')
    assert.deepEqual(readdirSync(docs), ['a'])
    assert.equal(await state('write_file', { path: join(docs, 'none'), content: 'new' }, callId), 'not_done')
  })

  it('can be done again over the half file', async () => {
    const [path, callId] = [join(docs, 'a'), newId()]
    put(`.steward-${callId}`, 'ne')
    await call('write_file', { path, content: 'new' }, { callId })
    assert.deepEqual(readdirSync(docs), ['a'])
  })

  it('tells whether a deletion happened', async () => {
    const path = put('a', 'x')
    assert.equal(await state('delete_file', { path }, newId()), 'not_done')
    rmSync(path)
    assert.equal(await state('delete_file', { path }, newId()), 'done')
  })
})

describe('the trash', () => {
  const deleted = async (name: string, content: string): Promise<string> => {
    await call('delete_file', { path: put(name, content) })
    return trash.list('ann')[0]!.id
  }

  it('puts a file back with its mode, and its folder too', async () => {
    mkdirSync(join(docs, 'sub'))
    const path = put('sub/a', 'precious')
    chmodSync(path, 0o640)
    await call('delete_file', { path })
    rmSync(join(docs, 'sub'), { recursive: true })
    assert.equal(await trash.restore('ann', trash.list('ann')[0]!.id), path)
    assert.equal(trash.list('ann')[0]!.restoredAt, clock.toISOString())
    assert.equal(readFileSync(path, 'utf8'), 'precious')
    assert.equal(statSync(path).mode & 0o777, 0o640)
  })

  it('keeps what is there now before putting the old version back', async () => {
    const id = await deleted('a', 'first')
    put('a', 'second')
    await trash.restore('ann', id)
    assert.equal(readFileSync(join(docs, 'a'), 'utf8'), 'first')
    const [newest] = trash.list('ann')
    assert.equal(readFileSync(join(trashDir, newest!.id), 'utf8'), 'second')
    assert.equal(newest!.runId, null)
  })

  it('does not restore over a folder, through a link, or for somebody else', async () => {
    const id = await deleted('a', 'x')
    await fails(trash.restore('bob', id), 'not_found')
    assert.deepEqual(trash.list('bob'), [])
    mkdirSync(join(docs, 'a'))
    await fails(trash.restore('ann', id), 'conflict', /folder/)
    rmSync(join(docs, 'a'), { recursive: true })
    renameSync(docs, join(root, 'away'))
    symlinkSync(join(root, 'secret'), docs)
    await fails(trash.restore('ann', id), 'conflict', /link/)
    assert.deepEqual(readdirSync(join(root, 'secret')), ['key'])
  })

  it('forgets after 30 days, not before, and clears away lost copies', async () => {
    const id = await deleted('a', 'x')
    writeFileSync(join(trashDir, 'lost'), 'half a copy')
    writeFileSync(join(trashDir, 'being-made'), 'half a copy')
    const yesterday = new Date(clock.getTime() - 2 * 86_400_000)
    utimesSync(join(trashDir, 'lost'), yesterday, yesterday)
    assert.equal(await trash.sweep(), 1)
    assert.deepEqual(readdirSync(trashDir).sort(), [id, 'being-made'].sort())
    clock = new Date(clock.getTime() + 31 * 86_400_000)
    await trash.sweep()
    assert.deepEqual(trash.list('ann'), [])
    assert.deepEqual(readdirSync(trashDir), [])
  })

  it('leaves no row and no copy when keeping fails', async () => {
    const path = put('a', 'x')
    await assert.rejects(trash.keep('nobody', null, path, 'deleted'), /FOREIGN KEY/)
    assert.deepEqual(readdirSync(trashDir), [])
    await fails(call('delete_file', { path: join(docs, 'none') }), 'not_found')
    assert.deepEqual(db.prepare('SELECT * FROM trash').all(), [])
  })
})

describe('labels of files', () => {
  const labelsOf = async (path: string) => (await call('read_file', { path })).labels!.integrity

  it('follow who writes into the innermost folder, and are always private', async () => {
    mkdirSync(join(docs, 'shared'))
    folders.push({ path: join(docs, 'shared'), writtenBy: 'others' })
    const [mine, theirs] = [put('a', 'a'), put('shared/b', 'b')]
    assert.deepEqual((await call('read_file', { path: mine })).labels, OWNER)
    assert.deepEqual((await call('read_file', { path: theirs })).labels, STRANGERS)
  })

  it('stay with what a run wrote, wherever the file goes', async () => {
    const path = join(docs, 'a')
    await call('write_file', { path, content: 'from a mail' }, { labels: STRANGERS })
    assert.equal(await labelsOf(path), 'third_party')
    renameSync(path, join(docs, 'b'))
    assert.equal(await labelsOf(join(docs, 'b')), 'third_party')
  })

  it('let what the owner wrote through Steward stay the owner’s in a shared folder', async () => {
    folders = [{ path: docs, writtenBy: 'others' }]
    await call('write_file', { path: join(docs, 'a'), content: 'my note' })
    assert.equal(await labelsOf(join(docs, 'a')), 'owner')
    put('a', 'my note, changed')
    assert.equal(await labelsOf(join(docs, 'a')), 'third_party')
  })

  it('do not get lost by touching a file up, overwriting, deleting or restoring it', async () => {
    const path = join(docs, 'a')
    await call('write_file', { path, content: 'from a mail' }, { labels: STRANGERS })
    put('a', 'from a mail\n')
    assert.equal(await labelsOf(path), 'third_party')
    put('a', 'from a mail')
    await call('write_file', { path, content: 'mine' })
    assert.equal(await labelsOf(path), 'owner')
    assert.equal(await labelsOf(put('copy', 'from a mail')), 'third_party')
    await trash.restore('ann', trash.list('ann')[0]!.id)
    assert.equal(await labelsOf(path), 'third_party')
    await call('delete_file', { path })
    assert.equal(await labelsOf(put('again', 'from a mail')), 'third_party')
  })

  it('are remembered before the content appears', async () => {
    const path = put('a', 'old')
    const stopped = AbortSignal.abort(new Error('crash'))
    await assert.rejects(call('write_file', { path, content: 'from a mail' }, { labels: STRANGERS, signal: stopped }))
    const sha256 = createHash('sha256').update('from a mail').digest('hex')
    assert.equal(fileLabels.byContent(sha256)!.integrity, 'third_party')
  })

  it('take the worst when the same content was written twice', async () => {
    await call('write_file', { path: join(docs, 'a'), content: 'same' })
    await call('write_file', { path: join(docs, 'b'), content: 'same' }, { labels: STRANGERS })
    assert.equal(await labelsOf(join(docs, 'a')), 'third_party')
    fileLabels.forget(join(docs, 'b'))
    assert.equal(await labelsOf(join(docs, 'a')), 'owner')
  })

  it('of a listing are the worst of its entries', async () => {
    const listed = async () => (await call('list_directory', { path: docs })).labels!.integrity
    await call('write_file', { path: join(docs, 'a'), content: 'a' })
    assert.equal(await listed(), 'owner')
    await call('write_file', { path: join(docs, 'b'), content: 'b' }, { labels: STRANGERS })
    assert.equal(await listed(), 'third_party')
    await call('delete_file', { path: join(docs, 'b') })
    assert.equal(await listed(), 'owner')
    folders = [{ path: docs, writtenBy: 'others' }]
    assert.equal(await listed(), 'third_party')
  })
})

describe('listing folders', () => {
  it('shows name, size and time, names what is no file, and leaves hidden names out', async () => {
    put('note.txt', 'x'.repeat(1234))
    put('.env', 'SECRET=1')
    put('odd "name"\n(1).txt', '')
    mkdirSync(join(docs, 'sub'))
    symlinkSync('/etc/passwd', join(docs, 'link'))
    const lines = (await call('list_directory', { path: docs })).content.split('\n')
    assert.equal(lines.length, 4)
    const at = (start: string) => lines.find((line) => line.startsWith(start))!
    assert.match(at('note'), /^note\.txt \(1,234 bytes, \d{4}-\d\d-\d\dT\d\d:\d\dZ\)$/)
    assert.match(at('sub'), /^sub \(folder, /)
    assert.match(at('link'), /^link \(link, /)
    assert.match(at('"odd'), /^"odd \\"name\\"\\n\(1\)\.txt" \(0 bytes, /)
  })

  it('stops at 500 entries and counts the rest', async () => {
    for (let i = 0; i < 510; i++) put(`f${i}`, '')
    const { content, summary } = await call('list_directory', { path: docs })
    assert.equal(content.split('\n').length, 501)
    assert.match(content, /and 10 more$/)
    assert.match(summary!, /^510 entries in/)
  })

  it('says when a folder is empty, missing, or none', async () => {
    assert.match((await call('list_directory', { path: docs })).content, /empty/)
    await fails(call('list_directory', { path: join(docs, 'none') }), 'not_found')
    await fails(call('list_directory', { path: put('a', '') }), 'not_found', /not a folder/)
  })
})
