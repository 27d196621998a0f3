import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { newHome, NO_TERMINAL, type Home, type Started } from './peers/cli.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

/** The command line at a terminal, where the signed-in owner sits. */

let steward: Steward
let home: Home
let papers: string

before(async () => {
  steward = await startSteward()
  home = newHome({ STEWARD_URL: steward.url })
  papers = mkdtempSync(join(tmpdir(), 'papers-'))
  await steward.owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
})
after(async () => {
  home[Symbol.dispose]()
  await steward[Symbol.asyncDispose]()
})

const QUESTION = 'Allow it? [y]es, [n]o'
const path = (name: string) => join(papers, name)
const chat = (name: string, content = 'x', env: Record<string, string> = {}) =>
  home.terminal(['chat', `/filesystem.write_file path=${path(name)} content=${content}`], env)
const newest = async () => (await steward.owner.get('/api/approvals')).body.items[0]

/** Answers when it is asked, and not before. */
async function answer(terminal: Started, line: string, question = QUESTION): Promise<void> {
  await terminal.said(question)
  terminal.type(`${line}\n`)
}

describe('at a terminal', { skip: NO_TERMINAL }, () => {
  before(async () => {
    const terminal = home.terminal(['login'])
    await terminal.said('User name: ')
    terminal.type(`${OWNER.username}\n`)
    await answer(terminal, OWNER.password, 'Password: ')
    const { code, stdout } = await terminal.ended
    assert.equal(code, 0, stdout)
    assert.ok(!stdout.includes(OWNER.password), 'the password is not shown')
  })

  it('asks with all that is agreed to, and a yes does it', async () => {
    const terminal = chat('yes.txt')
    await terminal.said(QUESTION)
    const card = terminal.stdout()
    assert.match(card, /┌ Steward asks\r?\n│ filesystem\r?\n│ \{/)
    assert.ok(card.includes(`"path": "${path('yes.txt')}"`))
    assert.match(card, /│ Why you are asked: /)
    assert.ok(!existsSync(path('yes.txt')))
    terminal.type('y\n')
    const { code, stdout } = await terminal.ended
    assert.equal(code, 0)
    assert.match(stdout, /✓ approved \(web\)/)
    assert.equal(readFileSync(path('yes.txt'), 'utf8'), 'x')
    const { decided_by } = await newest()
    assert.equal(decided_by, `web:${OWNER.username}`)
  })

  it('takes no for an answer, with a note for the agent', async () => {
    const terminal = chat('no.txt')
    await answer(terminal, 'n use another name')
    assert.equal((await terminal.ended).code, 0)
    assert.ok(!existsSync(path('no.txt')))
    const { state, note } = await newest()
    assert.deepEqual([state, note], ['denied', 'use another name'])
  })

  it('takes nothing else for a yes: not an empty line, not another word', async () => {
    const terminal = chat('other.txt')
    for (const [times, line] of ['', 'ok', 'yes please', 'Y E S', '1'].entries()) {
      await terminal.said(new RegExp(`(?:Allow it[^]*){${times + 1}}`))
      terminal.type(`${line}\n`)
    }
    await terminal.said(/(?:Allow it[^]*){6}/)
    assert.equal((await newest()).state, 'pending')
    terminal.type('n\n')
    await terminal.ended
    assert.ok(!existsSync(path('other.txt')))
  })

  it('takes no answer that was typed before the question was shown', async () => {
    const terminal = chat('early.txt')
    terminal.type('y\ny\ny\n')
    await terminal.said(QUESTION)
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.equal((await newest()).state, 'pending')
    terminal.type('n\n')
    await terminal.ended
    assert.ok(!existsSync(path('early.txt')))
  })

  it('hands the arguments to the editor, and what comes back is what is done', async () => {
    const editor = join(home.dir, 'editor')
    writeFileSync(editor, '#!/bin/sh\nsed -i \'s/"content": ".*"/"content": "edited"/\' "$1"\n', { mode: 0o755 })
    const terminal = chat('edited.txt', 'draft', { EDITOR: editor })
    await answer(terminal, 'e')
    assert.equal((await terminal.ended).code, 0)
    assert.equal(readFileSync(path('edited.txt'), 'utf8'), 'edited')
  })

  it('asks again where the editor leaves nothing that could be done', async () => {
    const editor = join(home.dir, 'spoiler')
    writeFileSync(editor, '#!/bin/sh\ncase $(ls "$0.second" 2>/dev/null) in "") touch "$0.second"; echo "{" > "$1";; *) echo \'{"operation":"write_file","path":"/etc/passwd","content":"x"}\' > "$1";; esac\n', { mode: 0o755 }) // prettier-ignore
    const terminal = chat('spoilt.txt', 'x', { VISUAL: editor, EDITOR: 'false' })
    await answer(terminal, 'e')
    await terminal.said(/That is no JSON[^]+Allow it/)
    terminal.type('e\n')
    await terminal.said(/(?:Allow it[^]*){3}/)
    assert.equal((await newest()).state, 'pending')
    terminal.type('n\n')
    await terminal.ended
    assert.ok(!existsSync(path('spoilt.txt')))
  })

  it('leaves it open for later, and hears of an answer given elsewhere', async () => {
    const terminal = chat('later.txt')
    await answer(terminal, 'l')
    await terminal.said('It waits for you')
    await steward.owner.post(`/api/approvals/${(await newest()).id}`, { approved: true })
    assert.equal((await terminal.ended).code, 0)
    assert.equal(readFileSync(path('later.txt'), 'utf8'), 'x')
    const other = chat('elsewhere.txt')
    await other.said(QUESTION)
    await steward.owner.post(`/api/approvals/${(await newest()).id}`, { approved: false })
    const { code, stdout } = await other.ended
    assert.equal(code, 0)
    assert.match(stdout, /✗ denied \(web\)/)
  })

  it('stops the run on Ctrl-C, also while it asks', async () => {
    const terminal = chat('stopped.txt')
    await terminal.said(QUESTION)
    terminal.type('\u0003')
    assert.equal((await terminal.ended).code, 130)
    const approval = await newest()
    assert.notEqual(approval.state, 'pending')
    assert.equal((await steward.owner.get(`/api/runs/${approval.run_id}`)).body.status, 'stopped')
    assert.ok(!existsSync(path('stopped.txt')))
  })

  it('asks for what an agent wants that is followed', async () => {
    await newAgent(steward.owner, { name: 'Cleaner', allowed_tools: ['filesystem'] })
    const strangers = mkdtempSync(join(tmpdir(), 'strangers-'))
    writeFileSync(join(strangers, 'note.txt'), 'Hello')
    await steward.owner.post('/api/filesystem-whitelist', { path: strangers, written_by: 'others' })
    const read = `/filesystem.read_file path=${join(strangers, 'note.txt')}`
    const write = `/filesystem.write_file path=${path('agent.txt')} content=x`
    const terminal = home.terminal(['run', 'Cleaner', `${read}\n${write}`, '--follow'])
    await answer(terminal, 'n')
    assert.equal((await terminal.ended).code, 0)
    assert.equal((await newest()).state, 'denied')
  })

  it('gives up on Ctrl-C at the password, and shows nothing of it', async () => {
    using other = newHome({ STEWARD_URL: steward.url })
    const terminal = other.terminal(['login', '-u', OWNER.username])
    await terminal.said('Password: ')
    terminal.type('secret\u0003')
    const { code, stdout } = await terminal.ended
    assert.equal(code, 130)
    assert.doesNotMatch(stdout, /secret/)
  })
})
