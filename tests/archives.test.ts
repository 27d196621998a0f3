import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { zipStream, type ArchiveEntry } from '../services/archives.ts'
import { unzip } from './peers/unzip.ts'

const collect = async (stream: Readable): Promise<Buffer> => Buffer.concat(await stream.toArray())

/** A stream that counts what is taken of it, and says whether it was let go. */
function endless(chunk: Buffer): Readable & { taken: number } {
  const stream: Readable & { taken: number } = Object.assign(
    new Readable({
      read() {
        stream.taken += chunk.length
        this.push(chunk)
      },
    }),
    { taken: 0 },
  )
  return stream
}

describe('an archive', () => {
  it('holds buffers, texts, streams and empty folders, in order, with their times', async () => {
    const mtime = new Date('2026-11-22T08:00:00.000Z')
    const zip = await zipStream([
      { name: 'a.txt', content: 'words', mtime },
      { name: 'folder/ä b.bin', content: Buffer.from([0, 1, 2]), compress: false },
      { name: 'later.txt', content: async () => Readable.from(['in ', 'pieces']) },
      { name: 'nothing/' },
      { name: 'empty.txt', content: '' },
    ])
    const entries = await unzip(await collect(zip))
    assert.deepEqual(
      entries.map(({ name, content }) => [name, content.toString('latin1')]),
      [
        ['a.txt', 'words'],
        ['folder/ä b.bin', '\0\u0001\u0002'],
        ['later.txt', 'in pieces'],
        ['nothing/', ''],
        ['empty.txt', ''],
      ],
    )
    assert.equal(entries[0]!.mtime.toISOString(), mtime.toISOString())
  })

  it('asks for the next entry when the one before is taken, and reads no faster than its reader', async () => {
    const source = endless(Buffer.alloc(64 * 1024, 7))
    let asked = 0
    function* entries(): Generator<ArchiveEntry> {
      for (;;) yield { name: `${++asked}`, content: () => source, compress: false }
    }
    const zip = await zipStream(entries())
    zip.read(1)
    await pause(200)
    assert.equal(asked, 1)
    assert.ok(source.taken > 0 && source.taken < 4 * 1024 * 1024, String(source.taken))
    zip.destroy()
  })

  it('lets go of everything when its reader goes away', async () => {
    const source = endless(Buffer.alloc(1024))
    let over = false
    async function* entries(): AsyncGenerator<ArchiveEntry> {
      try {
        yield { name: 'a', content: () => source }
        yield { name: 'b', content: 'never' }
      } finally {
        over = true
      }
    }
    const zip = await zipStream(entries())
    zip.once('data', () => zip.destroy())
    await pause(100)
    assert.deepEqual([source.destroyed, over], [true, true])
  })

  it('breaks off where an entry fails, instead of looking whole', async () => {
    const broken = () => Readable.from((async function* () { yield 'half'; throw new Error('disk') })()) // prettier-ignore
    for (const content of [broken, () => Promise.reject(new Error('disk'))])
      await assert.rejects(zipStream([{ name: 'a', content }]).then(collect), /disk/)
    async function* failing(): AsyncGenerator<ArchiveEntry> {
      yield { name: 'a', content: 'one' }
      throw new Error('database')
    }
    await assert.rejects(zipStream(failing()).then(collect), /database/)
  })
})
