import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { folderRefusal, isInside, pathRefusal } from '../services/policy/paths.ts'

const lists = {
  folders: [{ path: '/docs' }, { path: '/home/ann/Notes' }, { path: '/data/files/1' }],
  neverPaths: ['/data', '/opt/steward', '/proc', '/sys', '/dev', '/etc'],
  ownFiles: '/data/files/1',
}

const refusal = (path: string, hardLinks = 1) => pathRefusal({ path, hardLinks }, lists)

describe('paths a tool may touch', () => {
  const open = ['/docs', '/docs/a.txt', '/docs/deep/er/b.md', '/home/ann/Notes/x', '/data/files/1/photo.jpg', '/docs/a..b', '/docs/service', '/docs/etc/passwd', '/docs/my.desktop.txt'] // prettier-ignore
  for (const path of open) it(`allows ${path}`, () => assert.equal(refusal(path), undefined))
  it('allows a file that does not exist yet', () => assert.equal(refusal('/docs/new', 0), undefined))
})

describe('paths no tool may touch', () => {
  const outside = ['/', '/docs2/a', '/docsecret', '/doc', '/home/ann', '/home/ann/Notes2/x', '/home', '/tmp/x']
  for (const path of outside)
    it(`refuses ${path}: outside`, () => assert.match(refusal(path)!, /no folder that is open/))

  const never = ['/data', '/data/steward.sqlite', '/data/files/2/x', '/data/files', '/data/files/10/x', '/opt/steward/server.ts', '/proc/self/environ', '/etc/passwd'] // prettier-ignore
  for (const path of never) it(`refuses ${path}: closed`, () => assert.match(refusal(path)!, /closed to tools/))

  const hidden = ['/docs/.ssh/id', '/docs/.env', '/docs/a/.git/hooks/x', '/docs/...', '/data/files/1/.x', '/docs/\u200b.env', '/docs/\u2024env', '/docs/\uff0eenv'] // prettier-ignore
  for (const path of hidden)
    it(`refuses ${JSON.stringify(path)}: hidden`, () => assert.match(refusal(path)!, /start with a dot/))

  const running = [
    'autorun.inf', 'AutoRun.INF', 'desktop.ini', 'authorized_keys', 'crontab', 'rc.local', 'x.desktop', 'x.service',
    'x.timer', 'x.socket', 'x.PLIST', 'x.lnk', 'x.scf', 'x.pth', 'sitecustomize.py', 'autostart/x', 'Startup/x',
    'LaunchAgents/x', 'launchdaemons/x', 'cron.d/x', 'cron.daily/x', 'systemd/user/x', 'autorun.inf. ', 'x.lnk\u200b',
  ] // prettier-ignore
  for (const name of running) {
    it(`refuses ${JSON.stringify(name)}: runs by itself`, () =>
      assert.match(refusal(`/docs/${name}`)!, /by themselves/))
  }

  it('refuses a file with several names', () => assert.match(refusal('/docs/a.txt', 2)!, /hard links/))
  it('opens nothing when no folder is open', () =>
    assert.match(pathRefusal({ path: '/docs/a', hardLinks: 1 }, { ...lists, folders: [] })!, /no folder/))
  it('keeps the whole of DATA_DIR closed without a folder of the user', () =>
    assert.match(pathRefusal({ path: '/data/files/1/x', hardLinks: 1 }, { ...lists, ownFiles: undefined })!, /closed/))
  it('judges the own folder by what is inside it, wherever DATA_DIR lies', () => {
    const own = '/home/ann/.steward/files/1'
    const places = { folders: [{ path: own }], neverPaths: ['/home/ann/.steward'], ownFiles: own }
    assert.equal(pathRefusal({ path: `${own}/a.txt`, hardLinks: 1 }, places), undefined)
    assert.match(pathRefusal({ path: `${own}/.x`, hardLinks: 1 }, places)!, /dot/)
  })
})

describe('folders the owner may open', () => {
  const places = {
    dataDir: '/srv/steward/data',
    programDir: '/opt/steward',
    home: '/srv/ann',
    neverPaths: ['/proc', '/sys', '/dev', '/etc'],
    ownFiles: '/srv/steward/data/files/1',
  }
  const open = ['/docs', '/srv/ann/Documents', '/home/ann/Notes', '/mnt/nas', '/srv/steward/data/files/1', '/opt', '/root/docs'] // prettier-ignore
  for (const path of open) it(`opens ${path}`, () => assert.equal(folderRefusal(path, places), undefined))

  const shut: [string, RegExp][] = [
    ['/', /home folder/],
    ['/home', /home folder/],
    ['/home/bob', /home folder/],
    ['/Users/bob', /home folder/],
    ['/root', /home folder/],
    ['/srv/ann', /home folder/],
    ['/srv', /home folder/],
    ['/srv/steward', /own data/],
    ['/srv/steward/data', /own data/],
    ['/srv/steward/data/files', /stays closed/],
    ['/srv/steward/data/trash', /stays closed/],
    ['/opt/steward', /stays closed/],
    ['/opt/steward/public', /stays closed/],
    ['/etc', /stays closed/],
    ['/etc/cron.d', /stays closed/],
    ['/proc/1', /stays closed/],
    ['/docs/.hidden', /dot/],
    ['/docs/autostart', /by themselves/],
    ['docs', /whole path/],
    ['', /whole path/],
  ]
  for (const [path, words] of shut)
    it(`refuses ${path || 'nothing'}`, () => assert.match(folderRefusal(path, places)!, words))
})

describe('being inside', () => {
  it('goes by segments', () => {
    assert.deepEqual([isInside('/a/b', '/a'), isInside('/a', '/a'), isInside('/ab', '/a'), isInside('/a', '/')], [true, true, false, true]) // prettier-ignore
  })
})
