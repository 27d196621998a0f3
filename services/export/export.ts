import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { openSnapshot, type Snapshot } from '../../db/snapshot.ts'
import type { ArchiveEntry } from '../archives.ts'
import { walk } from '../backups/tree.ts'
import { AppError } from '../errors.ts'
import type { User } from '../users.ts'
import { EXPORTED, LEFT_OUT, type Exported } from './tables.ts'

type Told = { name: string; rows?: number; bytes: number; sha256: string }
type Deps = {
  dataDir: string
  database: string
  version: string
  now: () => Date
  maskValue: (value: unknown) => unknown
}

/** So many rows are read, masked and written before others get their turn. */
const PART = 50

const README = `Your data in Steward.

manifest.json   what is in here: for each file its size, its SHA-256 and, for tables, the number of rows
tables/         one file a table, one JSON value a line, in the words of Steward's own database
attachments/    what was attached to messages, by the id of the attachment
files/          your files

Everything shows one instant. Secrets are not in here: no passwords, keys, sessions or sealed values, and known secrets are
masked in texts. Tables that are left out stand in the manifest with the reason.
`

export type DataExport = ReturnType<typeof createDataExport>

/** All that belongs to a user, as the entries of an archive. */
export function createDataExport(deps: Deps) {
  const going = new Set<string>()

  /** Reads one snapshot of the database, part by part, as it is taken; closes it however that ends. */
  async function* read(user: Pick<User, 'id' | 'username' | 'role'>): AsyncGenerator<ArchiveEntry> {
    going.add(user.id)
    const snapshot = openSnapshot(deps.database)
    const told: Told[] = []
    try {
      yield counted(told, 'README.txt', () => Readable.from([README]))
      for (const [table, rule] of tablesFor(user))
        yield counted(told, `tables/${table}.ndjson`, (tally) => Readable.from(lines(snapshot, table, rule, user.id, tally))) // prettier-ignore
      yield* attachments(snapshot, user.id, told)
      for await (const { path, kind, stat } of walk(join(deps.dataDir, 'files'), user.id)) {
        const name = `files/${path.slice(user.id.length + 1)}`
        if (kind === 'folder') yield { name: `${name}/`, mtime: stat.mtime }
        else yield { ...counted(told, name, () => createReadStream(join(deps.dataDir, 'files', path))), mtime: stat.mtime } // prettier-ignore
      }
      yield { name: 'manifest.json', content: JSON.stringify(manifestOf(snapshot, user, told), null, 1) }
    } finally {
      going.delete(user.id)
      await closeIdle(snapshot)
    }
  }

  async function* lines(
    snapshot: Snapshot,
    table: string,
    rule: Exported,
    user: string,
    tally: { rows: number },
  ): AsyncGenerator<string> {
    // prettier-ignore
    const names = snapshot.all<{ name: string }>('SELECT name FROM pragma_table_info(?)', table)
    const columns = names.map(({ name }) => name).filter((name) => !rule.without?.includes(name))
    const sql = `SELECT ${columns.map((name) => `"${name}"`).join()} FROM "${table}" WHERE ${rule.where}`
    let part = ''
    for (const row of snapshot.rows(sql, { user })) {
      part += `${JSON.stringify(deps.maskValue(row))}\n`
      if (++tally.rows % PART !== 0) continue
      yield part
      part = ''
      await turn()
    }
    if (part !== '') yield part
  }

  function* attachments(snapshot: Snapshot, user: string, told: Told[]): Generator<ArchiveEntry> {
    const ids = snapshot.all<{ id: string; name: string }>(
      `SELECT id, name FROM attachments WHERE ${EXPORTED.attachments!.where}`,
      { user },
    )
    for (const { id, name } of ids) {
      const data = () => snapshot.all<{ data: Buffer }>('SELECT data FROM attachments WHERE id = ?', id)[0]!.data
      yield counted(told, `attachments/${id}/${plainName(name)}`, () => Readable.from([data()]))
    }
  }

  function manifestOf(snapshot: Snapshot, { id, username }: Pick<User, 'id' | 'username'>, entries: Told[]) {
    return {
      format: 1,
      app_version: deps.version,
      schema_version: snapshot.version(),
      created_at: deps.now().toISOString(),
      user: { id, username },
      entries,
      left_out: LEFT_OUT,
    }
  }

  return {
    /** Throws `conflict` while another export of this user goes on. */
    entriesOf(user: Pick<User, 'id' | 'username' | 'role'>): AsyncGenerator<ArchiveEntry> {
      if (!going.has(user.id)) return read(user)
      throw new AppError('conflict', 'An export of your data is going on already. Wait until it is done.')
    },
  }
}

const tablesFor = ({ role }: Pick<User, 'role'>) =>
  Object.entries(EXPORTED).filter(([, rule]) => !rule.admin || role === 'admin')

/** The entry, and a line about it once it has been taken: how much it was, and its checksum. */
function counted(told: Told[], name: string, open: (tally: { rows: number }) => Readable): ArchiveEntry {
  return {
    name,
    content: () => {
      const tally = { rows: 0 }
      const hash = createHash('sha256')
      const size = { bytes: 0 }
      const source = open(tally)
      const through = hashing(hash, size, () => {
        const rows = name.startsWith('tables/') ? { rows: tally.rows } : {}
        told.push({ name, ...rows, bytes: size.bytes, sha256: hash.digest('hex') })
      })
      source.once('error', (error) => through.destroy(error))
      through.once('close', () => source.destroy())
      return source.pipe(through)
    },
  }
}

function hashing(hash: Hash, size: { bytes: number }, done: () => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      hash.update(chunk)
      size.bytes += chunk.length
      pass(null, chunk)
    },
    flush(pass) {
      done()
      pass()
    },
  })
}

/** A name that stays in its folder. */
const plainName = (name: string): string => name.replace(/[/\\\0]/g, '_').replace(/^\.+$/, '_') || '_'

/** A reader that went away leaves a statement half read, which ends a turn or two later. */
async function closeIdle(snapshot: Snapshot): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return snapshot.close()
    } catch (error) {
      if (tries === 100) throw error
      await turn()
    }
  }
}
