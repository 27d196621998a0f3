import assert from 'node:assert/strict'
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended } from './peers/agents.ts'
import { approve, chatThat, pending } from './peers/mail-house.ts'
import { startInside } from './peers/inside.ts'
import { resultsIn, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { SANDBOX_MISSING } from './peers/sandbox.ts'
import { addUser, signIn } from './peers/sign-ins.ts'
import { makeKey, OWNER, startSteward, type Client, type Steward } from './steward.ts'

const bash = (command: string, more: object = {}) => use('bash', { operation: 'execute', command, ...more })

describe('the tool bash', { skip: SANDBOX_MISSING }, () => {
  let api: ModelApi
  let steward: Steward
  let owner: Client
  let papers: string
  let shared: string

  before(async () => {
    api = await startModelApi()
    steward = await startSteward({ env: api.env })
    owner = steward.owner
    papers = mkdtempSync(join(tmpdir(), 'papers-'))
    shared = mkdtempSync(join(tmpdir(), 'shared-'))
    await owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
    await owner.post('/api/filesystem-whitelist', { path: shared, written_by: 'others' })
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    for (const folder of [papers, shared]) rmSync(folder, { recursive: true })
  })

  /** The command is asked about, agreed to, and done; what the model is told of it. */
  async function ran(command: string, more: object = {}): Promise<string> {
    const chat = await chatThat(owner, api, bash(command, more))
    await approve(owner, chat)
    await chat.next('done', 30_000)
    return resultsIn(api.requests[1])[0]!.text
  }

  it('asks each time, with the command whole, and says how it ended', async () => {
    for (const n of [1, 2]) {
      const chat = await chatThat(owner, api, bash(`echo "out ${n}"; echo trouble >&2; exit 3`))
      const question = await approve(owner, chat)
      assert.equal(question.arguments.command, `echo "out ${n}"; echo trouble >&2; exit 3`)
      assert.match(question.description, /^Run a command on this machine: "echo 'out \d'; echo trouble >&2; exit 3"\.$/)
      const done = await chat.next('tool_done')
      assert.deepEqual([done.success, done.integrity, done.confirmed], [true, 'third_party', true])
      await chat.next('done')
      const [{ text } = { text: '' }] = resultsIn(api.requests[1])
      assert.match(text, new RegExp(`^Exit code 3\\. It took [\\d.]+ s\\.\nOutput:\nout ${n}\nErrors:\ntrouble$`, 'm'))
    }
  })

  it('does nothing before the yes, and nothing after a no', async () => {
    const file = join(shared, 'no.txt')
    const chat = await chatThat(owner, api, bash(`touch ${file}`))
    const { call_id } = await chat.next('confirmation_required')
    assert.ok(!existsSync(file))
    await owner.post(`/api/approvals/${call_id}`, { approved: false })
    await chat.next('done')
    assert.ok(!existsSync(file))
  })

  it('sees the open folders and nothing else of the disk', async () => {
    writeFileSync(join(papers, 'mine.txt'), 'my words')
    const text = await ran(
      `cat ${papers}/mine.txt; ls -A ${steward.dataDir} / /home /root /etc; ls ${import.meta.dirname}`,
    )
    assert.match(text, /my words/)
    assert.doesNotMatch(text, /steward\.sqlite|master\.key|shadow|bash-tool\.test\.ts/)
    assert.match(text, /No such file or directory/)
  })

  it('may write where others write too, and only read where the owner alone does', async () => {
    const text = await ran(`echo new > ${shared}/new.txt && echo more > ${papers}/more.txt`)
    assert.match(text, /Read-only file system/)
    assert.equal(readFileSync(join(shared, 'new.txt'), 'utf8'), 'new\n')
    assert.equal(statSync(join(shared, 'new.txt')).mode & 0o777, 0o600)
    assert.ok(!existsSync(join(papers, 'more.txt')))
  })

  it('finds hidden files empty, and those with several names, wherever a link leads', async () => {
    mkdirSync(join(papers, '.ssh'))
    writeFileSync(join(papers, '.ssh', 'id'), 'the secret key')
    writeFileSync(join(papers, '.env'), 'TOKEN=hidden-token')
    writeFileSync(join(papers, 'one'), 'two names')
    linkSync(join(papers, 'one'), join(papers, 'two'))
    symlinkSync(join(steward.dataDir, 'master.key'), join(papers, 'link'))
    symlinkSync(join(papers, '.env'), join(papers, 'way'))
    const text = await ran(`cd ${papers}; cat .ssh/id .env one two link way mine.txt`)
    assert.doesNotMatch(text, /secret key|hidden-token|two names/)
    assert.match(text, /my words/)
  })

  it('leaves a folder out that is too large to be looked through, and says so', async () => {
    const large = mkdtempSync(join(tmpdir(), 'large-'))
    for (let at = 0; at < 20_001; at++) writeFileSync(join(large, `f${at}`), '')
    await owner.post('/api/filesystem-whitelist', { path: large })
    const text = await ran(`ls ${large} | wc -l`)
    assert.match(text, new RegExp(`\\[${large} was left out`))
    assert.match(text, /Output:\n0/)
    await owner.delete(`/api/filesystem-whitelist/${encodeURIComponent(large)}`)
    rmSync(large, { recursive: true })
  })

  it('has no network, not even this machine’s, unless it was asked for', async () => {
    const door = createServer((socket) => socket.end('hello from outside\n')).listen(0, '127.0.0.1')
    await once(door, 'listening')
    const { port } = door.address() as AddressInfo
    const knock = `exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`
    assert.doesNotMatch(await ran(knock), /hello from outside/)
    const chat = await chatThat(owner, api, bash(knock, { network: true }))
    const question = await approve(owner, chat)
    assert.match(question.description, /with its network/)
    await chat.next('done')
    assert.match(resultsIn(api.requests[1])[0]!.text, /hello from outside/)
    door.close()
  })

  it('knows none of Steward’s secrets, by its environment or its processes', async () => {
    const text = await ran('env; cat /proc/*/environ; echo; ls /proc | grep -c "^[0-9]"')
    assert.doesNotMatch(text, /ANTHROPIC|sk-ant|DATA_DIR/)
    assert.match(text, /\n[1-9]$/)
  })

  it('is ended with all that it started when its time is over, it is stopped, or it says too much', async () => {
    const late = join(shared, 'late.txt')
    const text = await ran(`(sleep 3; touch ${late}) & setsid sh -c 'sleep 3; touch ${late}' & sleep 60`, {
      timeout: 1,
    })
    assert.match(text, /^It was ended after 1 s, which was its time\./)
    const chat = await chatThat(owner, api, bash(`sh -c 'sleep 3; touch ${late}'`))
    await approve(owner, chat)
    await chat.next('confirmation_closed')
    await chat.next(({ type, status }) => type === 'run' && status === 'running')
    await sleep(300)
    chat.send({ type: 'stop' })
    assert.equal((await chat.next('done')).stop_reason, 'stopped')
    const loud = await ran('yes it is very loud')
    assert.match(loud, /^It was ended since it wrote too much\./)
    assert.match(loud, /\[… \d+ bytes left out …\]/)
    await sleep(3_500)
    assert.ok(!existsSync(late))
  })

  it('has limits on memory and on the room in /tmp', async () => {
    assert.match(await ran('dd if=/dev/zero of=/dev/null bs=5G count=1'), /memory exhausted/)
    assert.match(await ran('head -c 400M /dev/zero > /tmp/big'), /No space left on device/)
    assert.doesNotMatch(await ran('ls -A /tmp'), /big/)
  })

  it('is gone with Steward, and what became of the command is asked about afterwards', async () => {
    const late = join(shared, 'after-death.txt')
    const chat = await chatThat(owner, api, bash(`sleep 3; touch ${late}`))
    await approve(owner, chat)
    await sleep(500)
    await steward.kill()
    const dataDir = steward.dataDir
    steward = await startSteward({ env: api.env, dataDir })
    owner = steward.owner
    const [question] = await until(async () => (await pending(owner)).filter(({ kind }) => kind === 'uncertain'))
    assert.equal(question.tool_name, 'bash')
    await sleep(3_500)
    assert.ok(!existsSync(late))
    await owner.post(`/api/approvals/${question.id}`, { decision: 'give_up' })
    await ended(owner, question.run_id)
  })

  it('is another call once a folder more is open', async () => {
    const more = mkdtempSync(join(tmpdir(), 'more-'))
    const chat = await chatThat(owner, api, bash(`cat ${more}/*`))
    const { call_id } = await chat.next('confirmation_required')
    await owner.post('/api/filesystem-whitelist', { path: more })
    await owner.post(`/api/approvals/${call_id}`, { approved: true })
    await chat.next('done')
    assert.match(resultsIn(api.requests[1])[0]!.text, /^Refused: /)
    await owner.delete(`/api/filesystem-whitelist/${encodeURIComponent(more)}`)
    rmSync(more, { recursive: true })
  })

  it('is for administrators who are there', async () => {
    const agent = { name: 'Mole', prompt: 'Dig.', allowed_tools: ['bash', 'web'] }
    const { body } = await owner.post('/api/agents', agent)
    api.answer(bash('echo hi'), { text: ['The end.'] })
    const { body: run } = await owner.post(`/api/agents/${body.id}/run`, {})
    await ended(owner, run.run_id)
    assert.ok(!api.requests[0]!.tools.some(({ name }) => name === 'bash'))
    assert.match(resultsIn(api.requests[1])[0]!.text, /only done while the owner is there/)
    addUser(steward, 'berta')
    const chat = await chatThat(await signIn(steward, 'berta'), api, bash('echo hi'))
    await chat.next('done')
    assert.ok(!api.requests[0]!.tools.some(({ name }) => name === 'bash'))
    assert.match(resultsIn(api.requests[1])[0]!.text, /Only an administrator/)
  })

  it('says in the settings that the sandbox works, and tries it', async () => {
    assert.deepEqual((await owner.get('/api/settings/shell')).body, {
      sandbox: true,
      without_sandbox: false,
      problem: null,
    })
    assert.deepEqual((await owner.post('/api/settings/shell/test')).body, { ok: true, sandbox: true })
  })
})

describe('commands where there is no sandbox', () => {
  let api: ModelApi
  let steward: Steward
  let owner: Client

  before(async () => {
    api = await startModelApi()
    steward = await startSteward({ env: { ...api.env, PATH: '/nowhere' } })
    owner = steward.owner
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })

  const allow = (client: Pick<Client, 'post'>) => client.post('/api/settings/shell', { without_sandbox: true })
  const offered = () => api.requests[0]!.tools.some(({ name }) => name === 'bash')

  it('are not offered and not run, and the settings say what to do', async () => {
    const { body } = await owner.get('/api/settings/shell')
    assert.deepEqual([body.sandbox, body.without_sandbox], [false, false])
    assert.match(body.problem, /Install the package "bubblewrap"/)
    assert.equal((await owner.post('/api/settings/shell/test')).body.ok, false)
    await (await chatThat(owner, api, bash('echo hi'))).next('done')
    assert.ok(!offered())
    assert.match(resultsIn(api.requests[1])[0]!.text, /No command can be run: bubblewrap is not installed/)
  })

  it('are allowed without one only on the page, after the password', async () => {
    await using inside = await startInside(api.env)
    inside.later(6 * 60_000)
    const late = await allow(inside.owner)
    assert.deepEqual([late.status, late.body.code], [403, 'password_required'])
    const key = steward.anybody(await makeKey(owner, ['admin', 'read']))
    assert.equal((await allow(key)).status, 403)
    await owner.post('/api/auth/confirm', { password: OWNER.password })
    assert.deepEqual((await allow(owner)).body, { ok: true })
    const { body } = await owner.get('/api/audit?kind=setting')
    assert.equal(body.entries[0].subject, 'shell_without_sandbox')
    const found = (await owner.get('/api/doctor')).body.items.map(({ id }: any) => id)
    assert.ok(found.includes('shell-without-sandbox'))
  })

  it('run as they are then, still asked about, and are ended with all that they started', async () => {
    const chat = await chatThat(owner, api, bash('echo hi; env; (sleep 30) & sleep 30', { timeout: 1 }))
    await approve(owner, chat)
    await chat.next('done')
    assert.ok(offered())
    const [{ text } = { text: '' }] = resultsIn(api.requests[1])
    assert.match(text, /ended after 1 s[^]*Output:\nhi/)
    assert.doesNotMatch(text, /ANTHROPIC/)
  })
})

async function until<T>(look: () => Promise<T[]>): Promise<T[]> {
  for (;;) {
    const found = await look()
    if (found.length > 0) return found
    await sleep(50)
  }
}
