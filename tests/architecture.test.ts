import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = join(import.meta.dirname, '..')

/** A folder may import from itself and from what stands here behind it. */
const MAY_IMPORT: Record<string, string[]> = {
  'services/shapes': [],
  'services/agent': ['services/shapes', 'services/errors.ts'],
  'services/policy': [
    'services/agent/tool.ts',
    'services/shapes',
    'services/errors.ts',
    'services/cursors.ts',
    'services/deps.ts',
    'services/outgoing/addresses.ts',
    'services/outgoing/ranges.ts',
    'db',
  ],
  'services/models': [
    'services/agent',
    'services/shapes',
    'services/errors.ts',
    'services/ids.ts',
    'services/outgoing/wire.ts',
  ],
  db: [],
  services: ['services', 'db'],
  routes: ['services', 'routes', 'db'],
  cli: ['services', 'db'],
  'public/app': ['services/shapes', 'public/app'],
}

/** Each third-party library has one home. */
const HOMES: Record<string, RegExp> = {
  express: /^routes\//,
  'express-session': /^routes\/(auth|session-store)\.ts$/,
  helmet: /^routes\/index\.ts$/,
  ws: /^routes\/chat-/,
  'better-sqlite3': /^(db\/(open|snapshot|reading)|services\/data-folder)\.ts$/,
  pino: /^services\/log\.ts$/,
  undici: /^services\/outgoing\//,
  '@anthropic-ai/sdk': /^services\/models\/anthropic/,
  openai: /^services\/models\/openai/,
  '@node-rs/argon2': /^services\/passwords\.ts$/,
  tldts: /^services\/domains\.ts$/,
  croner: /^services\/schedules\//,
  'node-cron': /^services\/schedules\//,
  uuid: /^services\/ids\.ts$/,
  'rate-limiter-flexible': /^services\/sign-in-limits\.ts$/,
  standardwebhooks: /^services\/webhooks\//,
  linkedom: /^services\/web\//,
  turndown: /^services\/web\//,
  '@mozilla/readability': /^services\/web\//,
  '@fastify/busboy': /^routes\//,
  '@simplewebauthn/server': /^services\/passkeys\.ts$/,
  otplib: /^services\/totp\.ts$/,
  qrcode: /^services\/totp\.ts$/,
  yazl: /^services\/archives\.ts$/,
  'file-type': /^services\/files\//,
  'prom-client': /^services\/metrics\.ts$/,
  '@modelcontextprotocol/client': /^services\/mcp\//,
  '@modelcontextprotocol/server': /^routes\/mcp/,
  '@simplewebauthn/browser': /^public\/app\//,
  imapflow: /^services\/mail\/imap\.ts$/,
  grammy: /^services\/telegram\/api\.ts$/,
  tsdav: /^services\/dav\/wire\.ts$/,
  'ical.js': /^services\/dav\/ical\//,
  nodemailer: /^services\/mail\//,
  mailparser: /^services\/mail\/take-apart\.ts$/,
  'playwright-core': /^services\/(browser|tools\/browser)/,
  htmlparser2: /^services\/mail\/html-tags\.ts$/,
  marked: /^(public\/app|services\/telegram)\//,
  dompurify: /^public\/app\//,
  cronstrue: /^public\/app\//,
  uplot: /^public\/app\//,
}

type Import = { file: string; target: string }

function sources(): string[] {
  const folders = ['routes', 'services', 'db', 'cli', 'public/app']
  const inside = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, String(name))),
  )
  return [...inside.filter((name) => /\.tsx?$/.test(name)), 'server.ts', 'cli.ts'].map((name) =>
    name.replaceAll('\\', '/'),
  )
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)
  return [...found].map((match) => ({ file, target: target(file, match[1]!) }))
}

function target(file: string, name: string): string {
  return name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), name)).replaceAll('\\', '/') : name
}

function ruleFor(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0]
}

function isAllowed({ target: to }: Import, rule: string): boolean {
  return [rule, ...MAY_IMPORT[rule]!].some((place) => to === place || to.startsWith(`${place}/`))
}

const all = sources().flatMap(importsOf)
const own = all.filter(({ target: to }) => /^(routes|services|db|cli|public|tests|scripts|server\.ts)/.test(to))

describe('the architecture', () => {
  it('lets imports go inward only', () => {
    const wrong = own.filter((one) => {
      const rule = ruleFor(one.file)
      return rule !== undefined && !isAllowed(one, rule)
    })
    assert.deepEqual(wrong, [])
  })

  it('gives each library one home', () => {
    const strangers = all.filter(({ file, target: to }) => {
      const home = Object.entries(HOMES).find(([name]) => to === name || to.startsWith(`${name}/`))?.[1]
      return home !== undefined && !home.test(file)
    })
    assert.deepEqual(strangers, [])
  })

  it('reads the environment in one place', () => {
    const readers = sources().filter(
      (file) => !file.startsWith('public/') && /process\.env/.test(readFileSync(join(ROOT, file), 'utf8')),
    )
    assert.deepEqual(readers, ['server.ts', 'cli.ts'])
  })

  it('lets only server.ts and cli.ts end the process', () => {
    const enders = sources().filter((file) => /process\.exit/.test(readFileSync(join(ROOT, file), 'utf8')))
    assert.deepEqual(enders, ['server.ts', 'cli.ts'])
  })

  it('keeps every room small', () => {
    const crowded = sources().filter((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 320)
    assert.deepEqual(crowded, [])
  })
})
