import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import yauzl from 'yauzl'
import { anotherUser } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { multipart, openUpload, upload } from './peers/uploads.ts'
import { makeKey, startSteward, type Answer, type Client, type Steward } from './steward.ts'

/** The files that each user keeps: over HTTP, as a page and a script use them, and as somebody who wants out of the folder. */

let steward: Steward
let owner: Client
let home: string
let uploads: string

before(async () => {
  steward = await startSteward()
  owner = steward.owner
  const { id } = (await owner.get('/api/auth/me')).body
  home = join(steward.dataDir, 'files', id)
  uploads = join(steward.dataDir, 'files', '.uploads')
  await upload(owner, '/', { 'first.txt': 'first' })
})
after(() => steward[Symbol.asyncDispose]())

const at = (path: string): string => `?path=${encodeURIComponent(path)}`
const list = async (path: string, by = owner) => (await by.get(`/api/my/files${at(path)}`)).body
const names = async (path: string): Promise<string[]> => (await list(path)).entries.map((one: any) => one.name)
const read = (path: string, headers: Record<string, string> = {}, by = owner): Promise<Answer> =>
  by.get(`/api/my/files/download${at(path)}`, { headers })
const trash = async () => (await owner.get('/api/trash')).body.items
const newest = async (own_path: string) => (await trash()).find((one: any) => one.own_path === own_path)
const lastAudit = async () => (await owner.get('/api/audit?kind=file')).body.entries[0]

describe('keeping files', () => {
  it('takes an upload, lists it and gives it back', async () => {
    const { status, body } = await upload(owner, '/letters', { 'Grüße an Ärzte 中文.txt': 'Guten Tag' })
    assert.equal(status, 201)
    assert.equal(body.path, '/letters')
    const [entry] = (await list('/letters')).entries
    assert.deepEqual(body.entries, [entry])
    assert.deepEqual([entry.name, entry.type, entry.size], ['Grüße an Ärzte 中文.txt', 'file', 9])
    assert.match(entry.modified_at, /^\d{4}-.*Z$/)
    const answer = await read('/letters/Grüße an Ärzte 中文.txt')
    assert.equal(answer.text, 'Guten Tag')
    const expected = `attachment; filename="Gr??e an ?rzte ??.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20an%20%C3%84rzte%20%E4%B8%AD%E6%96%87.txt`
    assert.equal(answer.headers.get('content-disposition'), expected)
  })

  it('takes several files at once, empty ones too', async () => {
    const { body } = await upload(owner, '/several', { a: '', b: 'b', c: 'cc' })
    assert.deepEqual(body.entries.map((one: any) => one.size), [0, 1, 2]) // prettier-ignore
    assert.deepEqual(await names('/several'), ['a', 'b', 'c'])
    assert.equal((await read('/several/a')).text, '')
  })

  it('keeps them readable for this user of the machine alone', () => {
    assert.equal(statSync(join(home, 'first.txt')).mode & 0o777, 0o600)
    assert.equal(statSync(home).mode & 0o777, 0o700)
  })

  it('makes folders, and says 409 where the name is taken', async () => {
    const made = await owner.post('/api/my/folders', { path: '/deep/er/still' })
    assert.equal(made.status, 201)
    assert.deepEqual([made.body.path, made.body.type], ['/deep/er/still', 'dir'])
    refused(await owner.post('/api/my/folders', { path: '/deep/er' }), 409, 'conflict')
    refused(await owner.post('/api/my/folders', { path: '/first.txt' }), 409, 'conflict')
    refused(await owner.post('/api/my/folders', { path: '/first.txt/under' }), 404, 'not_found')
    refused(await upload(owner, '/', { deep: 'a folder is called so' }), 409, 'conflict')
  })

  it('lists folders first, then as people count, page by page', async () => {
    await upload(owner, '/many', { 'x10.txt': '', 'x9.txt': '', 'b.txt': '', '.notes': '' })
    await owner.post('/api/my/folders', { path: '/many/z' })
    const expected = ['z', '.notes', 'b.txt', 'x9.txt', 'x10.txt']
    assert.deepEqual(await names('/many'), expected)
    const found: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Answer = await owner.get(`/api/my/files${at('/many')}&limit=2${cursor && `&cursor=${cursor}`}`)
      assert.equal(body.total, 5)
      found.push(...body.entries.map((one: any) => one.name))
      cursor = body.next_cursor
    }
    assert.deepEqual(found, expected)
    refused(await owner.get(`/api/my/files?cursor=nonsense`), 400, 'invalid')
  })

  it('renames and moves, but over nothing and into nothing of its own', async () => {
    await upload(owner, '/moving', { 'a.txt': 'a', 'b.txt': 'b' })
    await upload(owner, '/moving/folder', { 'c.txt': 'c' })
    const patch = (path: string, body: object) => owner.patch(`/api/my/files${at(path)}`, body)
    assert.deepEqual((await patch('/moving/a.txt', { name: 'A.txt' })).body, { ok: true })
    assert.deepEqual((await patch('/moving/folder', { name: 'shelf', folder: '/deep' })).body, { ok: true })
    assert.deepEqual(await names('/moving'), ['A.txt', 'b.txt'])
    assert.equal((await read('/deep/shelf/c.txt')).text, 'c')
    refused(await patch('/moving/A.txt', { name: 'b.txt' }), 409, 'conflict')
    refused(await patch('/deep', { folder: '/deep/shelf' }), 400, 'invalid')
    refused(await patch('/moving/A.txt', { folder: '/nowhere' }), 404, 'not_found')
    refused(await patch('/moving/none', { name: 'x' }), 404, 'not_found')
    refused(await patch('/', { name: 'x' }), 400, 'invalid')
    refused(await patch('/moving/A.txt', {}), 400, 'invalid')
    refused(await patch('/moving/A.txt', { name: 'x', size: 1 }), 400, 'invalid')
  })

  it('writes down who did what, without contents', async () => {
    await upload(owner, '/', { 'noted.txt': 'the content' })
    const { action, subject, outcome, actor } = await lastAudit()
    assert.deepEqual([action, subject, outcome, actor], ['uploaded', '/noted.txt', '11 bytes', 'web:anna'])
    await owner.patch(`/api/my/files${at('/noted.txt')}`, { name: 'said.txt' })
    assert.deepEqual([(await lastAudit()).action, (await lastAudit()).outcome], ['moved', 'to /said.txt'])
    await owner.delete(`/api/my/files${at('/said.txt')}`)
    assert.deepEqual([(await lastAudit()).action, (await lastAudit()).subject], ['deleted', '/said.txt'])
    assert.doesNotMatch((await owner.get('/api/audit')).text, /the content/)
  })

  it('says how much there is', async () => {
    const { body } = await owner.get('/api/my/files/usage')
    assert.ok(body.files > 5 && body.folders > 3 && body.bytes >= 20 && body.trash_bytes > 0)
    assert.equal(body.max_upload_bytes, 1024 ** 3)
  })
})

describe('a file that is uploaded again', () => {
  it('replaces the one before, which goes to the trash and can come back', async () => {
    await upload(owner, '/again', { 'a.txt': 'old' })
    await upload(owner, '/again', { 'a.txt': 'newer' })
    assert.equal((await read('/again/a.txt')).text, 'newer')
    const { id, kind, cause, size } = await newest('/again/a.txt')
    assert.deepEqual([kind, cause, size], ['file', 'overwritten', 3])
    assert.deepEqual((await owner.post(`/api/trash/${id}/restore`)).body, { ok: true, path: '/again/a.txt' })
    assert.equal((await read('/again/a.txt')).text, 'old')
    assert.equal((await newest('/again/a.txt')).size, 5, 'the newer one is kept too')
  })

  it('is the old one or the new one whole, however many come at once', async () => {
    const contents = Array.from({ length: 12 }, (_, n) => String(n).repeat(300_000))
    const answers = await Promise.all(contents.map((content) => upload(owner, '/crowd', { 'a.txt': content })))
    assert.deepEqual(answers.map(({ status }) => status), contents.map(() => 201)) // prettier-ignore
    const { text } = await read('/crowd/a.txt')
    const kept = (await trash()).filter((one: any) => one.own_path === '/crowd/a.txt')
    assert.equal(kept.length, 11)
    const all = [text, ...kept.map(({ id }: any) => readFileSync(join(steward.dataDir, 'trash', id), 'utf8'))]
    assert.deepEqual(all.toSorted(), contents.toSorted(), 'each stands once, there or in the trash')
    assert.deepEqual(await names('/crowd'), ['a.txt'])
  })
})

describe('the trash', () => {
  it('takes a folder whole and gives it back', async () => {
    await upload(owner, '/album/2026', { 'a.jpg': 'aaa', 'b.jpg': 'bb' })
    assert.deepEqual((await owner.delete(`/api/my/files${at('/album')}`)).body, { ok: true })
    refused(await owner.get(`/api/my/files${at('/album')}`), 404, 'not_found')
    const { id, kind, size } = await newest('/album')
    assert.deepEqual([kind, size], ['folder', 5])
    assert.deepEqual((await owner.post(`/api/trash/${id}/restore`)).body, { ok: true, path: '/album' })
    assert.deepEqual(await names('/album/2026'), ['a.jpg', 'b.jpg'])
    assert.equal(await newest('/album'), undefined)
  })

  it('gives a folder back beside what has its name by now', async () => {
    await upload(owner, '/twice', { 'a.txt': 'first' })
    await owner.delete(`/api/my/files${at('/twice')}`)
    await upload(owner, '/twice', { 'a.txt': 'second' })
    const { id } = await newest('/twice')
    assert.equal((await owner.post(`/api/trash/${id}/restore`)).body.path, '/twice (restored)')
    assert.equal((await read('/twice/a.txt')).text, 'second')
    assert.equal((await read('/twice (restored)/a.txt')).text, 'first')
  })

  it('gives a file back with the folder it was in, but not over a folder', async () => {
    await upload(owner, '/gone', { 'a.txt': 'precious' })
    await owner.delete(`/api/my/files${at('/gone/a.txt')}`)
    const { id } = await newest('/gone/a.txt')
    await owner.delete(`/api/my/files${at('/gone')}`)
    assert.equal((await owner.post(`/api/trash/${id}/restore`)).status, 200)
    assert.equal((await read('/gone/a.txt')).text, 'precious')
    await owner.delete(`/api/my/files${at('/gone/a.txt')}`)
    await owner.post('/api/my/folders', { path: '/gone/a.txt' })
    refused(await owner.post(`/api/trash/${id}/restore`), 409, 'conflict')
  })

  it('lets go of something for good', async () => {
    await upload(owner, '/', { 'burn.txt': 'x' })
    await owner.delete(`/api/my/files${at('/burn.txt')}`)
    const { id } = await newest('/burn.txt')
    assert.ok(existsSync(join(steward.dataDir, 'trash', id)))
    assert.deepEqual((await owner.delete(`/api/trash/${id}`)).body, { ok: true })
    assert.ok(!existsSync(join(steward.dataDir, 'trash', id)))
    refused(await owner.post(`/api/trash/${id}/restore`), 404, 'not_found')
  })
})

describe('a path', () => {
  const OUT = [
    '..', '/..', '/../x', '/a/../../x', '/letters/..', '../../etc/passwd', '/./first.txt', '/first.txt\0', '/a\0b', '..\\x', '/a\\..\\b',
    '\\\\host\\share', '/\r\nSet-Cookie: a', '/.steward-x', `/${'x'.repeat(256)}`, `/${'a/'.repeat(101)}`, '/\ud800',
  ] // prettier-ignore
  const NOT_THERE = ['/etc/passwd', '//etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc', 'C:/Windows', '~/x', '/proc/self/environ'] // prettier-ignore

  for (const path of OUT) {
    it(`that is no way down is refused everywhere: ${JSON.stringify(path.slice(0, 30))}`, async () => {
      const query = `?path=${path === '/\ud800' ? '%ED%A0%80' : encodeURIComponent(path)}`
      const seen = readdirSync(steward.dataDir, { recursive: true }).length
      const answers = [
        await owner.get(`/api/my/files${query}`),
        await owner.get(`/api/my/files/download${query}`),
        await owner.get(`/api/my/files/download-zip${query}`),
        await owner.delete(`/api/my/files${query}`),
        await owner.patch(`/api/my/files${query}`, { name: 'x' }),
        await owner.patch(`/api/my/files?path=/first.txt`, { folder: path }),
        await owner.post('/api/my/folders', { path }),
        await owner.post(`/api/my/files${query}`, undefined, multipart({ 'a.txt': 'x' })),
      ]
      for (const { status, text } of answers) assert.ok(status === 400 || status === 404, `${status} ${text}`)
      assert.equal(readdirSync(steward.dataDir, { recursive: true }).length, seen)
    })
  }

  for (const path of NOT_THERE) {
    it(`begins in one's own folder: ${path}`, async () => {
      refused(await read(path), 404, 'not_found')
      refused(await owner.get(`/api/my/files/download-zip${at(path)}`), 404, 'not_found')
    })
  }

  it('comes once', async () => {
    refused(await owner.get('/api/my/files?path=/letters&path=/..'), 400, 'invalid')
  })

  const NAMES = ['', '.', '..', '../x', 'a/b', 'a\\b', '/etc/passwd', 'a\u202etxt.exe', 'a\u0000b', 'a\nb', ' a', 'a ', 'a.', 'CON', 'aux.txt', 'lpt1', '.steward-x', 'x'.repeat(256)] // prettier-ignore
  for (const name of NAMES) {
    it(`takes no new name like ${JSON.stringify(name.slice(0, 20))}`, async () => {
      const seen = readdirSync(steward.dataDir, { recursive: true }).length
      refused(await owner.patch('/api/my/files?path=/first.txt', { name }), 400, 'invalid')
      if (!/["\n]/.test(name)) refused(await upload(owner, '/', { [name]: 'x' }), 400, 'invalid')
      assert.equal(readdirSync(steward.dataDir, { recursive: true }).length, seen)
    })
  }

  it('through a link leads nowhere, and links are not shown', async () => {
    mkdirSync(join(home, 'links'))
    const secret = join(steward.dataDir, 'outside')
    mkdirSync(secret)
    writeFileSync(join(secret, 'key'), 'secret')
    symlinkSync(join(secret, 'key'), join(home, 'links', 'file'))
    symlinkSync(secret, join(home, 'links', 'folder'))
    symlinkSync('/nowhere', join(home, 'links', 'dangling'))
    linkSync(join(secret, 'key'), join(home, 'links', 'hard'))
    assert.deepEqual(await names('/links'), ['hard'])
    for (const path of ['/links/file', '/links/folder/key', '/links/dangling', '/links/hard', '/links/folder']) {
      const answers = [
        await read(path),
        await owner.get(`/api/my/files${at(path)}`),
        await owner.get(`/api/my/files/download-zip${at(path)}`),
        await owner.delete(`/api/my/files${at(path)}`),
        await owner.patch(`/api/my/files${at(path)}`, { name: 'mine' }),
        await owner.post('/api/my/folders', { path: `${path}/new` }),
        await owner.patch(`/api/my/files?path=/first.txt`, { folder: path }),
        await upload(owner, path, { new: 'x' }),
        await upload(owner, '/links', { [path.split('/')[2]!]: 'x' }),
      ]
      for (const { status, text } of answers) assert.ok([403, 404, 409].includes(status), `${path} ${status} ${text}`)
      assert.ok(answers.every(({ text }) => !text.includes('secret')))
    }
    assert.deepEqual(readdirSync(secret), ['key'])
    assert.equal(readFileSync(join(secret, 'key'), 'utf8'), 'secret')
    const { files } = await unzip(await zipOf('/links'))
    assert.deepEqual(Object.keys(files), ['NOT IN THIS ARCHIVE.txt'])
    assert.equal(String(files['NOT IN THIS ARCHIVE.txt']), 'hard\n')
  })

  it('leads to nobody else’s files', async () => {
    const other = await anotherUser(steward)
    assert.deepEqual((await other.get('/api/my/files')).body.entries, [])
    refused(await read('/first.txt', {}, other), 404, 'not_found')
    await upload(other, '/', { 'theirs.txt': 'x' })
    const { id } = (await other.get('/api/auth/me')).body
    refused(await read(`/../${id}/theirs.txt`), 400, 'invalid')
    assert.ok(!(await names('/')).includes('theirs.txt'))
    assert.equal((await other.get('/api/trash')).body.total, 0)
  })
})

describe('a download', () => {
  const CONTENT = '0123456789abcdefghij'
  let etag: string
  let modified: string

  before(async () => {
    await upload(owner, '/', { 'ranges.txt': CONTENT })
    const { headers } = await read('/ranges.txt')
    etag = headers.get('etag')!
    modified = headers.get('last-modified')!
  })

  const RANGES: [string, number, string, string?][] = [
    ['bytes=0-4', 206, '01234', 'bytes 0-4/20'],
    ['bytes=15-', 206, 'fghij', 'bytes 15-19/20'],
    ['bytes=-3', 206, 'hij', 'bytes 17-19/20'],
    ['bytes=-100', 206, CONTENT, 'bytes 0-19/20'],
    ['bytes=18-100', 206, 'ij', 'bytes 18-19/20'],
    ['bytes=0-0', 206, '0', 'bytes 0-0/20'],
    ['bytes=0-1,10-11', 200, CONTENT],
    ['bytes=20-', 416, '', 'bytes */20'],
    ['bytes=-0', 416, '', 'bytes */20'],
    ['bytes=99-200', 416, '', 'bytes */20'],
    ['bytes=5-2', 200, CONTENT],
    ['bytes=x-y', 200, CONTENT],
    ['bytes=-', 200, CONTENT],
    ['bytes=1e3-', 200, CONTENT],
    ['lines=1-2', 200, CONTENT],
    ['nonsense', 200, CONTENT],
  ]
  for (const [range, status, text, told] of RANGES) {
    it(`answers ${range} with ${status}`, async () => {
      const answer = await read('/ranges.txt', { range })
      assert.equal(answer.status, status, answer.text)
      assert.equal(answer.headers.get('content-range'), told ?? null)
      if (status === 416) return refused(answer, 416, 'range_not_satisfiable')
      assert.equal(answer.text, text)
      assert.equal(answer.headers.get('content-length'), String(text.length))
    })
  }

  const CONDITIONS: [string, () => Record<string, string>, number][] = [
    ['If-None-Match of this version', () => ({ 'if-none-match': etag }), 304],
    ['If-None-Match of another', () => ({ 'if-none-match': '"x"' }), 200],
    ['If-Modified-Since now', () => ({ 'if-modified-since': modified }), 304],
    ['If-Modified-Since long ago', () => ({ 'if-modified-since': new Date(0).toUTCString() }), 200],
    ['If-Match of this version', () => ({ 'if-match': `"y", ${etag}` }), 200],
    ['If-Match of any', () => ({ 'if-match': '*' }), 200],
    ['If-Match of another', () => ({ 'if-match': '"x"' }), 412],
    ['If-Unmodified-Since now', () => ({ 'if-unmodified-since': modified }), 200],
    ['If-Unmodified-Since long ago', () => ({ 'if-unmodified-since': new Date(0).toUTCString() }), 412],
    ['a range with If-Range of this version', () => ({ range: 'bytes=0-1', 'if-range': etag }), 206],
    ['a range with If-Range of its time', () => ({ range: 'bytes=0-1', 'if-range': modified }), 206],
    ['a range with If-Range of another', () => ({ range: 'bytes=0-1', 'if-range': '"x"' }), 200],
    ['a range with If-Range long ago', () => ({ range: 'bytes=0-1', 'if-range': new Date(0).toUTCString() }), 200],
  ]
  for (const [what, headers, status] of CONDITIONS) {
    it(`answers ${what} with ${status}`, async () => {
      assert.equal((await read('/ranges.txt', headers())).status, status)
    })
  }

  it('is told without its content by HEAD', async () => {
    const { status, headers, text } = await owner.request('HEAD', '/api/my/files/download?path=/ranges.txt')
    assert.deepEqual([status, text, headers.get('content-length')], [200, '', '20'])
    assert.equal(headers.get('accept-ranges'), 'bytes')
  })

  it('has another mark once it was replaced', async () => {
    await upload(owner, '/', { 'mark.txt': 'one' })
    const before = (await read('/mark.txt')).headers.get('etag')
    await upload(owner, '/', { 'mark.txt': 'two' })
    assert.notEqual((await read('/mark.txt')).headers.get('etag'), before)
  })

  it('of a folder, or of nothing, is refused', async () => {
    refused(await read('/letters'), 400, 'invalid')
    refused(await read('/'), 400, 'invalid')
    refused(await read('/none'), 404, 'not_found')
    refused(await read('/ranges.txt/x'), 404, 'not_found')
  })
})

describe('what is shown in place', () => {
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') // prettier-ignore
  const html = '<!doctype html><script>alert(1)</script>'
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  const FILES: [string, string | Buffer, string, 'inline' | 'attachment'][] = [
    ['a.png', png, 'image/png', 'inline'],
    ['picture.html', png, 'image/png', 'inline'],
    ['a.gif', Buffer.from('GIF89a\u0001\0\u0001\0\0\0\0;', 'latin1'), 'image/gif', 'inline'],
    ['a.txt', 'Plain words', 'text/plain; charset=utf-8', 'inline'],
    ['a.pdf', '%PDF-1.7\n%âãÏÓ\n', 'application/pdf', 'inline'],
    ['a.mp3', Buffer.concat([Buffer.from('ID3\u0003\0\0\0\0\0\0', 'latin1'), Buffer.from([0xff, 0xfb, 0x90, 0x64]), Buffer.alloc(600)]), 'audio/mpeg', 'inline'], // prettier-ignore
    ['a.html', html, 'application/octet-stream', 'attachment'],
    ['html.txt', `\n ${html}`, 'application/octet-stream', 'attachment'],
    ['words.htm', 'Plain words', 'application/octet-stream', 'attachment'],
    ['a.svg', svg, 'application/octet-stream', 'attachment'],
    ['svg.png', svg, 'application/octet-stream', 'attachment'],
    ['xml.txt', `<?xml version="1.0"?>${svg}`, 'application/octet-stream', 'attachment'],
    ['bom.txt', `\ufeff${html}`, 'application/octet-stream', 'attachment'],
    ['a.bin', Buffer.from([0, 1, 2, 3]), 'application/octet-stream', 'attachment'],
    ['latin.txt', Buffer.from('caf\xe9', 'latin1'), 'application/octet-stream', 'attachment'],
    ['a.zip', Buffer.from('PK\u0003\u0004\u0014\0\0\0\0\0', 'latin1'), 'application/zip', 'attachment'],
  ] // prettier-ignore
  for (const [name, content, type, place] of FILES) {
    it(`${name}: ${place}, as ${type}`, async () => {
      await upload(owner, '/shown', { [name]: content })
      const { headers } = await owner.get(`/api/my/files/download${at(`/shown/${name}`)}&inline=1`)
      assert.equal(headers.get('content-type'), type)
      assert.equal(headers.get('content-disposition'), `${place}; filename="${name}"`)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.match(headers.get('content-security-policy')!, /default-src 'none'.*; sandbox$/)
      const plain = await read(`/shown/${name}`)
      assert.equal(plain.headers.get('content-disposition'), `attachment; filename="${name}"`)
    })
  }
})

describe('a zip', () => {
  it('holds a folder with its names, times and empty folders', async () => {
    await upload(owner, '/packed/über', { 'naïve.txt': 'words', 'x.jpg': randomBytes(1000) })
    await owner.post('/api/my/folders', { path: '/packed/empty' })
    const answer = await fetch(`${steward.url}/api/my/files/download-zip${at('/packed')}`, { headers: owner.headers() })
    assert.equal(answer.headers.get('content-disposition'), 'attachment; filename="packed.zip"')
    assert.equal(answer.headers.get('content-type'), 'application/zip')
    const { files, folders } = await unzip(Buffer.from(await answer.arrayBuffer()))
    assert.deepEqual(Object.keys(files).sort(), ['über/naïve.txt', 'über/x.jpg'])
    assert.deepEqual(folders.sort(), ['empty/', 'über/'])
    assert.equal(String(files['über/naïve.txt']), 'words')
    assert.deepEqual(files['über/x.jpg'], readFileSync(join(home, 'packed/über/x.jpg')))
  })

  it('of everything is called files, and of nothing is empty', async () => {
    const { headers } = await owner.request('HEAD', '/api/my/files/download-zip')
    assert.equal(headers.get('content-disposition'), 'attachment; filename="files.zip"')
    const other = await anotherUser(steward)
    assert.deepEqual(await unzip(await zipOf('/', other)), { files: {}, folders: [] })
    refused(await owner.get(`/api/my/files/download-zip${at('/none')}`), 404, 'not_found')
    refused(await owner.get(`/api/my/files/download-zip${at('/first.txt')}`), 404, 'not_found')
  })

  it('stops, and lets go of its files, when the reader goes away', async () => {
    mkdirSync(join(home, 'large'))
    for (const name of ['a', 'b']) writeFileSync(join(home, 'large', name), randomBytes(30_000_000))
    await goAway(`/api/my/files/download-zip${at('/large')}`)
    await goAway(`/api/my/files/download${at('/large/a')}`)
    const fds = `/proc/${steward.process.pid}/fd`
    const held = () => readdirSync(fds).filter((fd) => linkOf(join(fds, fd)).startsWith(join(home, 'large')))
    await until(() => held().length === 0)
  })

  function goAway(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = httpRequest(steward.url + path, { headers: owner.headers() }, (response) => {
        response.once('data', () => {
          call.destroy()
          resolve()
        })
      })
      call.on('error', reject).end()
    })
  }
})

describe('an upload', () => {
  it('is refused unread to nobody, to keys that may only read, and to other sites', async () => {
    const sent = multipart({ 'a.txt': 'x' })
    refused(await steward.anybody().post('/api/my/files', undefined, sent), 401, 'unauthorized')
    const reader = steward.anybody(await makeKey(owner, ['read']))
    refused(await reader.post('/api/my/files', undefined, sent), 403, 'forbidden')
    const foreign = { ...sent, headers: { ...sent.headers, origin: 'https://evil.example' } }
    refused(await owner.post('/api/my/files', undefined, foreign), 403, 'cross_origin')
    refused(await owner.post('/api/my/files', { file: 'x' }), 415, 'unsupported_media_type')
    refused(await owner.post('/api/my/files'), 415, 'unsupported_media_type')
  })

  const CRLF = '\r\n'
  const part = (disposition: string, content = 'x') => `--b${CRLF}Content-Disposition: ${disposition}${CRLF}${CRLF}${content}${CRLF}` // prettier-ignore
  const BROKEN: [string, string, string?][] = [
    ['without a boundary', part('form-data; name="file"; filename="a"'), 'multipart/form-data'],
    ['without an end', part('form-data; name="file"; filename="cut"')],
    ['without a file', `${part('form-data; name="file"')}--b--`],
    ['with a file in another field', `${part('form-data; name="other"; filename="a"')}--b--`],
    ['with nothing in it', '--b--'],
    ['with a second file that has no name', `${part('form-data; name="file"; filename="kept"')}${part('form-data; name="file"; filename=""')}--b--`], // prettier-ignore
    ['that is empty', ''],
  ]
  for (const [what, raw, type = 'multipart/form-data; boundary=b'] of BROKEN) {
    it(`${what} is 400 and leaves nothing`, async () => {
      refused(await owner.post('/api/my/files?path=/broken', undefined, { raw, headers: { 'content-type': type } }), 400, 'invalid') // prettier-ignore
      assert.ok(!existsSync(join(home, 'broken')))
      assert.deepEqual(readdirSync(uploads), [])
    })
  }

  it('is 413 above the limit, whatever its length says, and leaves nothing', async () => {
    await owner.post('/api/settings/files', { max_upload_bytes: 2_000_000 })
    assert.deepEqual((await owner.get('/api/settings/files')).body, { max_upload_bytes: 2_000_000 })
    assert.equal((await upload(owner, '/', { exact: 'x'.repeat(2_000_000) })).status, 201)
    refused(await upload(owner, '/', { over: 'x'.repeat(2_000_001) }), 413, 'too_large')
    refused(await upload(owner, '/', { far: 'x'.repeat(9_000_000) }), 413, 'too_large')
    refused(await upload(owner, '/', { a: 'x'.repeat(1_500_000), b: 'x'.repeat(600_000) }), 413, 'too_large')
    const chunked = await openUpload(steward.url, owner, '/', 'chunked')
    for (let n = 0; n < 40; n++) chunked.write(Buffer.alloc(100_000))
    refused(await chunked.answer, 413, 'too_large')
    assert.deepEqual((await names('/')).filter((name) => ['over', 'far', 'a', 'b', 'chunked'].includes(name)), []) // prettier-ignore
    await until(() => readdirSync(uploads).length === 0)
    await owner.post('/api/settings/files', { max_upload_bytes: 1024 ** 3 })
    refused(await owner.post('/api/settings/files', { max_upload_bytes: 0 }), 400, 'invalid')
    refused(await owner.post('/api/settings/files', { most: 1 }), 400, 'invalid')
  })

  it('that the sender breaks off leaves the old file as it was', async () => {
    await upload(owner, '/broken-off', { 'a.txt': 'old' })
    const going = await openUpload(steward.url, owner, '/broken-off', 'a.txt')
    going.write(Buffer.alloc(1_000_000))
    await until(() => readdirSync(uploads).length === 1)
    going.destroy()
    await until(() => readdirSync(uploads).length === 0)
    assert.equal((await read('/broken-off/a.txt')).text, 'old')
    assert.equal(await newest('/broken-off/a.txt'), undefined)
  })

  it('changes nothing until it is whole, however slowly it comes', async () => {
    await upload(owner, '/slow', { 'a.txt': 'old' })
    const going = await openUpload(steward.url, owner, '/slow', 'a.txt')
    for (const letter of 'slowly') {
      going.write(Buffer.from(letter))
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal((await read('/slow/a.txt')).text, 'old')
    }
    going.end()
    assert.equal((await going.answer).status, 201)
    assert.equal((await read('/slow/a.txt')).text, 'slowly')
  })

  it('ends with the session it came by', async () => {
    const other = await anotherUser(steward)
    const going = await openUpload(steward.url, other, '/', 'late.txt')
    going.write(Buffer.from('x'))
    await until(() => readdirSync(uploads).length === 1)
    await other.post('/api/auth/logout')
    going.end()
    refused(await going.answer, 401, 'unauthorized')
    await until(() => readdirSync(uploads).length === 0)
  })

  it('is done once for an Idempotency-Key', async () => {
    const sent = multipart({ 'once.txt': 'x' })
    const keyed = { ...sent, headers: { ...sent.headers, 'idempotency-key': 'once' } }
    const first = await owner.post('/api/my/files?path=/once', undefined, keyed)
    const second = await owner.post('/api/my/files?path=/once', undefined, keyed)
    assert.deepEqual([first.status, second.status, second.body], [201, 201, first.body])
    assert.equal(await newest('/once/once.txt'), undefined, 'nothing was replaced')
  })
})

const zipOf = async (path: string, by = owner): Promise<Buffer> => {
  const answer = await fetch(`${steward.url}/api/my/files/download-zip${at(path)}`, { headers: by.headers() })
  return Buffer.from(await answer.arrayBuffer())
}

async function unzip(content: Buffer): Promise<{ files: Record<string, Buffer>; folders: string[] }> {
  const zip = await yauzl.fromBufferPromise(content)
  const found: { files: Record<string, Buffer>; folders: string[] } = { files: {}, folders: [] }
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName.endsWith('/')) found.folders.push(entry.fileName)
    else found.files[entry.fileName] = Buffer.concat(await (await zip.openReadStreamPromise(entry)).toArray())
  }
  return found
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds();) {
    assert.ok(Date.now() < deadline, 'that did not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
