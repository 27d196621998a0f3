import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { CDPSession, Page } from 'playwright-core'
import type { HouseMail } from '../services/mailer.ts'
import { codeAt } from './peers/authenticator.ts'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { Client, OWNER } from './steward.ts'

/** The account in the page: the second factor, passkeys by Chromium's own device, keys, and a forgotten password. */

const STEP = 30_000

describe('the account page', { skip: MISSING }, () => {
  let steward: InsideSteward
  let walk: Walk
  let page: Page
  let url: string
  let device: CDPSession
  let secret = ''
  let codes: string[] = []
  const mails: HouseMail[] = []
  const mailer = { configured: () => true, send: async (mail: HouseMail) => void mails.push(mail) }

  before(async () => {
    walk = await startWalk()
    page = walk.page
    steward = await startInside({ TRUST_PROXY: 'loopback' }, { mailer })
    url = steward.url.replace('127.0.0.1', 'localhost')
    device = await page.context().newCDPSession(page)
    await device.send('WebAuthn.enable')
    await plugIn()
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
  })

  /** A phone or key in Chromium that asks for a fingerprint and gets it. */
  const plugIn = () =>
    device.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
  const time = () => steward.services.now().getTime()
  const dialog = () => page.locator('dialog[open]')
  const inDialog = (name: RegExp | string) => dialog().getByRole('button', { name, exact: typeof name === 'string' })
  const section = (title: string) =>
    page.locator('section').filter({ has: page.getByRole('heading', { name: title, exact: true }) })
  const openAccount = async () => {
    await page.goto(`${url}/settings/account`)
    await section('Passkeys').waitFor()
  }
  const signOut = async () => {
    await page.goto(`${url}/settings/account`)
    await page.locator('#main').getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  }
  const givePassword = async (password: string) => {
    await page.getByLabel('Username').fill(OWNER.username)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
  const home = () => page.getByRole('heading', { name: /anna/ }).waitFor()

  it('signs in by password alone at first', async () => {
    await page.goto(`${url}/login`)
    await page.getByRole('button', { name: 'Use a passkey' }).waitFor()
    await walk.picture('login')
    await walk.accessible('login')
    await givePassword('not that one')
    await page.getByText('That user name or password is not right.').waitFor()
    await givePassword(OWNER.password)
    await home()
  })

  it('turns two-factor sign-in on with a picture, a first code and recovery codes', async () => {
    await openAccount()
    await section('Two-factor sign-in').getByRole('button', { name: 'Turn it on' }).click()
    await dialog().getByRole('img').waitFor()
    await dialog().getByText('Cannot scan it?').click()
    secret = (await dialog().locator('.secret code').innerText()).replace(/\s/g, '')
    assert.match(secret, /^[A-Z2-7]{32}$/)
    await walk.picture('two-factor')
    await walk.accessible('two-factor')
    await dialog().getByLabel('Code').fill('12345')
    await inDialog('Turn it on').click()
    await dialog()
      .getByText(/That code is not right/)
      .waitFor()
    await dialog().getByLabel('Code').fill(codeAt(secret, time()))
    await inDialog('Turn it on').click()
    await dialog().getByRole('heading', { name: 'Your recovery codes' }).waitFor()
    codes = await dialog().locator('.codes code').allInnerTexts()
    assert.equal(codes.length, 10)
    await walk.picture('recovery-codes')
    await walk.accessible('recovery codes')
    const [download] = await Promise.all([page.waitForEvent('download'), dialog().getByText('Save as a file').click()])
    const saved = readFileSync((await download.path())!, 'utf8')
    for (const code of codes) assert.ok(saved.includes(code))
    await page.keyboard.press('Escape')
    await dialog().getByText('They are not shown again.').waitFor()
    await dialog().getByLabel('I have kept them').check()
    await inDialog('Done').click()
    await section('Two-factor sign-in').getByText('10 recovery codes left').waitFor()
  })

  it('asks for the code in a second step, and takes a recovery code too', async () => {
    steward.later(2 * STEP)
    await signOut()
    await givePassword(OWNER.password)
    await page.getByRole('heading', { name: 'One more thing' }).waitFor()
    await walk.picture('login-code')
    await walk.accessible('the code at sign-in')
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('That user name, password or code is not right.').waitFor()
    await page.getByLabel('Code').fill(codeAt(secret, time()))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await home()
    await signOut()
    await givePassword(OWNER.password)
    await page.getByLabel('Code').fill(codes[0]!)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await home()
    await openAccount()
    await section('Two-factor sign-in').getByText('9 recovery codes left').waitFor()
  })

  it('adds a passkey, names it, and signs in with it without a name', async () => {
    await openAccount()
    await section('Passkeys').getByRole('button', { name: 'Add a passkey' }).click()
    assert.match(await dialog().getByLabel('Name').inputValue(), /Chrome on Linux/)
    await dialog().getByLabel('Name').fill('The phone')
    await inDialog('Go on').click()
    await page.getByText('The passkey was added.').waitFor()
    await section('Passkeys').getByText('The phone').waitFor()
    await section('Passkeys').getByRole('button', { name: 'Add a passkey' }).click()
    await inDialog('Go on').click()
    await dialog().getByText('This device holds a passkey of yours already.').waitFor()
    await inDialog('Cancel').click()
    await section('Passkeys').getByRole('button', { name: 'Rename The phone' }).click()
    await dialog().getByLabel('Name').fill('My telephone')
    await inDialog('Rename').click()
    await section('Passkeys').getByText('My telephone').waitFor()
    await signOut()
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await home()
    await openAccount()
    await section('Passkeys')
      .getByText(/· used /)
      .waitFor()
  })

  it('confirms with the passkey instead of the password', async () => {
    steward.later(5 * 60_000 + 1000)
    await openAccount()
    await section('Recovery key').getByRole('button', { name: 'Show it' }).click()
    await inDialog('Use a passkey').waitFor()
    await walk.picture('confirm')
    await walk.accessible('confirming')
    await inDialog('Use a passkey').click()
    await section('Recovery key').locator('code').waitFor()
  })

  it('shows all of it on one page, in the light and in the dark', async () => {
    await steward.owner.post('/api/auth/login', { ...OWNER, code: codes[1] })
    await new Client(url).post('/api/auth/login', { ...OWNER, code: codes[2] })
    await page.reload()
    await section('Where you are signed in').getByText('Chrome on Linux').waitFor()
    await walk.picture('account')
    await section('Two-factor sign-in').scrollIntoViewIfNeeded()
    await walk.picture('account-lower')
    await walk.accessible('account')
    await page.emulateMedia({ colorScheme: 'dark' })
    await walk.picture('account-dark')
    await walk.accessible('account in the dark')
    await page.emulateMedia({ colorScheme: 'light' })
  })

  it('ends another session', async () => {
    assert.equal((await steward.owner.get('/api/auth/me')).status, 200)
    await section('Where you are signed in')
      .getByRole('button', { name: /End the session of node/ })
      .first()
      .click()
    await page.getByText('Signed out there.').waitFor()
    await section('Where you are signed in').getByRole('button', { name: 'End all others' }).click()
    await section('Where you are signed in')
      .getByRole('button', { name: /^End/ })
      .first()
      .waitFor({ state: 'detached' })
    assert.equal((await steward.owner.get('/api/auth/me')).status, 401)
  })

  it('removes the passkey, makes new recovery codes, and turns the second factor off', async () => {
    await section('Passkeys').getByRole('button', { name: 'Remove My telephone' }).click()
    await inDialog('Remove').click()
    await section('Passkeys').getByText('You have none yet.').waitFor()
    const factor = section('Two-factor sign-in')
    await factor.getByRole('button', { name: 'New recovery codes' }).click()
    await dialog().getByLabel('Password').fill('not that one')
    await inDialog('Make ten new ones').click()
    await dialog().getByText('That password is not right.').waitFor()
    await dialog().getByLabel('Password').fill(OWNER.password)
    await inDialog('Make ten new ones').click()
    await dialog().getByLabel('I have kept them').check()
    assert.equal(new Set([...codes, ...(await dialog().locator('.codes code').allInnerTexts())]).size, 20)
    await inDialog('Done').click()
    await factor.getByRole('button', { name: 'Turn it off' }).click()
    await dialog().getByLabel('Password').fill(OWNER.password)
    await inDialog('Turn it off').click()
    await factor.getByRole('button', { name: 'Turn it on' }).waitFor()
  })

  it('replaces an API key, and shows the new one once', async () => {
    await page.goto(`${url}/settings/api-keys`)
    await page.getByRole('button', { name: 'New key' }).click()
    await dialog().getByLabel('Name').fill('phone shortcut')
    await inDialog('Make the key').click()
    const first = await dialog().locator('.secret code').innerText()
    await inDialog('I have it').click()
    await page.getByRole('button', { name: 'Replace phone shortcut' }).click()
    await dialog().getByLabel('It expires').selectOption('30')
    await walk.picture('replace-key')
    await walk.accessible('replacing a key')
    await inDialog('Make a new key').click()
    const next = await dialog().locator('.secret code').innerText()
    assert.match(next, /^stw_/)
    assert.notEqual(next, first)
    await inDialog('I have it').click()
    await page.getByText(`stw_${next.split('_')[1]}_…`).waitFor()
    await walk.picture('api-keys')
    await walk.accessible('API keys')
  })

  it('takes an address, and says what is wrong with it', async () => {
    await openAccount()
    const email = section('Email')
    await email.getByLabel('Your address').fill('anna')
    await email.getByRole('button', { name: 'Save' }).click()
    await email.getByText(/That is not an address/).waitFor()
    await email.getByLabel('Your address').fill('anna@example.org')
    await email.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The address was saved.').waitFor()
  })

  it('says how to get in where no mail can be sent', async () => {
    await signOut()
    await page.getByRole('link', { name: 'Forgot your password?' }).click()
    await page.getByLabel('Email or username').fill('anna@example.org')
    await walk.picture('forgot-password')
    await walk.accessible('forgotten password')
    await page.getByRole('button', { name: 'Send the link' }).click()
    await page.getByText('npm run reset-password').waitFor()
    await walk.picture('forgot-password-no-mail')
    await walk.accessible('no mail')
    assert.equal(mails.length, 0, 'without PUBLIC_URL there are no links')
    for (const path of ['reset-password', 'reset-password#token=', 'reset-password#nonsense']) {
      await page.goto(`${url}/login`)
      await page.goto(`${url}/${path}`)
      await page.getByText('This link is not whole').waitFor()
    }
  })

  it('sets a new password by the link of a mail, once', async () => {
    await steward[Symbol.asyncDispose]()
    steward = await startInside({ PUBLIC_URL: 'http://localhost:1' }, { mailer })
    url = steward.url.replace('127.0.0.1', 'localhost')
    await steward.owner.put('/api/account', { email: 'anna@example.org' })
    await page.context().clearCookies()
    await page.goto(`${url}/forgot-password`)
    await page.getByLabel('Email or username').fill('anna@example.org')
    await page.getByRole('button', { name: 'Send the link' }).click()
    await page.getByText('Look into your mailbox').waitFor()
    const link = /http:\S+/.exec(mails[0]!.text)![0].replace('http://localhost:1', url)
    await page.goto(link)
    await page.getByRole('heading', { name: 'A new password' }).waitFor()
    await page.waitForURL(`${url}/reset-password`)
    await walk.picture('reset-password')
    await walk.accessible('new password')
    await page.getByLabel('New password', { exact: true }).fill('a new and long sentence')
    await page.getByLabel('New password again').fill('a new and long sentence')
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('Your password is set').waitFor()
    await page.getByRole('link', { name: 'Back to signing in' }).click()
    await givePassword('a new and long sentence')
    await home()
    await page.context().clearCookies()
    await page.goto(link)
    await page.getByLabel('New password', { exact: true }).fill('yet another long sentence')
    await page.getByLabel('New password again').fill('yet another long sentence')
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('This link was used already.').waitFor()
    await page.getByRole('link', { name: 'Ask for a new link' }).waitFor()
  })

  it('runs without an error or a breach of its content policy', () => {
    assert.deepEqual(walk.complaints, [])
  })
})
