import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { validate, ValidationSeverity } from 'dockerfile-utils'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '..')
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
const MEBIBYTE = 1024 * 1024

describe('the container', () => {
  it('has a Dockerfile without complaints of the linter', () => {
    const complaints = validate(dockerfile, { instructionJSONInSingleQuotes: ValidationSeverity.ERROR })
    assert.deepEqual(complaints, [])
  })

  it('is built in two stages, runs as somebody other than root, keeps its data and tells its health', () => {
    assert.equal(dockerfile.match(/^FROM /gm)?.length, 2)
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '))
    for (const line of [/^USER node$/m, /^VOLUME \/data$/m, /^HEALTHCHECK /m, /HOST=0\.0\.0\.0/, /DATA_DIR=\/data/]) {
      assert.match(last, line)
    }
  })

  it('copies only what exists', () => {
    assert.doesNotThrow(() => readFileSync(join(ROOT, '.npmrc')))
    assert.match(dockerfile, /scripts\/image\.mjs/)
  })

  it('needs at most 80 MB beside Node itself', (t) => {
    const target = join(mkdtempSync(join(tmpdir(), 'image-')), 'app')
    t.after(() => rmSync(target, { recursive: true, force: true }))
    execFileSync(process.execPath, [join(ROOT, 'scripts', 'image.mjs'), target])
    const kilobytes = Number(execFileSync('du', ['-sk', target]).toString().split('\t')[0])
    assert.ok(kilobytes * 1024 < 80 * MEBIBYTE, `${kilobytes} KiB`)
  })

  it('has a compose file that opens it to this machine alone and keeps a volume', () => {
    const { services, volumes } = parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8')) as Record<string, any>
    assert.deepEqual(Object.keys(services), ['steward'])
    assert.ok(services.steward.ports.every((port: string) => port.startsWith('127.0.0.1:')))
    const [source, target] = services.steward.volumes[0].split(':')
    assert.ok(source in volumes)
    assert.equal(target, '/data')
  })
})
