import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { upload } from './peers/uploads.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

/** A PNG of one colour that runs into another. */
function picture(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const lines = Array.from({ length: height }, (_, y) => [
    0,
    ...Array.from({ length: width }, (_, x) => [40 + x / 2, 120 + y / 2, 160]).flat(),
  ])
  const mark = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = deflateSync(Buffer.from(lines.flat()))
  return Buffer.concat([mark, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}
const ICON = picture(192, 120)

describe('the page of files', { skip: MISSING }, () => {
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    steward = await startSteward()
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
  })

  const button = (name: string | RegExp) => page.getByRole('button', { name })
  const file = (name: string, buffer: Buffer | string) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) }) // prettier-ignore
  const choose = (...files: ReturnType<typeof file>[]) => page.locator('input[type=file]').setInputFiles(files)

  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('says when there is nothing, and takes files by the button', async () => {
    await page.goto(`${steward.url}/files`)
    await page.getByText('This folder is empty').waitFor()
    await look('files-empty')
    await choose(file('Letter to Anna.txt', 'Dear Anna,\nall is well.'), file('icon.png', ICON))
    await page.getByText('Uploaded 2 of 2').waitFor()
    await button('Letter to Anna.txt').first().waitFor()
    await button('Done').click()
    await page.getByText(/You keep 2 files/).waitFor()
  })

  it('makes folders and opens them under an address of their own', async () => {
    await button('New folder').click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Photos 2026')
    await button('Make it').click()
    await page.getByRole('link', { name: 'Photos 2026', exact: true }).click()
    await page.getByText('This folder is empty').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('path'), '/Photos 2026')
    await page.reload()
    await page.getByRole('navigation', { name: 'Folders above' }).getByText('Photos 2026').waitFor()
    await button('New folder').click()
    await page.getByRole('textbox', { name: 'Name' }).fill('a/../b')
    await button('Make it').click()
    await page.getByText(/A path goes down only/).waitFor()
    await page.keyboard.press('Escape')
  })

  it('takes what is dropped on it', async () => {
    const data = await page.evaluateHandle(`(() => {
      const data = new DataTransfer()
      data.items.add(new File(['dropped words'], 'dropped.txt'))
      return data
    })()`)
    await page.dispatchEvent('.drop-zone', 'dragover', { dataTransfer: data })
    await page.locator('.drop-zone.over').waitFor()
    await page.dispatchEvent('.drop-zone', 'drop', { dataTransfer: data })
    await button('dropped.txt').first().waitFor()
    // While it goes up it is named there too.
    const dropped = () => steward.owner.get('/api/my/files/download?path=/Photos 2026/dropped.txt')
    while ((await dropped()).status === 404) await page.waitForTimeout(50)
    assert.equal((await dropped()).text, 'dropped words')
  })

  it('shows pictures and text, and says where it cannot', async () => {
    await upload(steward.owner, '/', { 'page.html': '<script>alert(1)</script>' })
    await page.goto(`${steward.url}/files`)
    await look('files')
    await button('icon.png').first().click()
    await page.getByRole('dialog').getByRole('img', { name: 'icon.png' }).waitFor()
    await page.waitForFunction(`document.querySelector('.preview img').naturalWidth === 192`)
    await look('files-preview')
    await page.keyboard.press('Escape')
    await button('Letter to Anna.txt').first().click()
    await page.getByText('all is well.').waitFor()
    await page.keyboard.press('Escape')
    await button('page.html').first().click()
    await page.getByText('There is no preview of this kind of file.').waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('dialog').getByRole('link', { name: 'Download' }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'page.html')
    await page.keyboard.press('Escape')
  })

  it('downloads a folder as a zip', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download Photos 2026 as a zip' }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'Photos 2026.zip')
  })

  it('renames and moves', async () => {
    await button('Rename or move Letter to Anna.txt').click()
    await page.getByRole('textbox', { name: 'Name' }).fill('letter.txt')
    await page.getByRole('textbox', { name: 'Folder' }).fill('/Photos 2026')
    await look('files-move')
    await button('Save').click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'Photos 2026', exact: true }).click()
    await button('letter.txt').first().waitFor()
  })

  it('deletes at once, and takes it back', async () => {
    await button('Delete letter.txt').click()
    await page.getByText('letter.txt is in the trash.').waitFor()
    await button('letter.txt').first().waitFor({ state: 'detached' })
    await button('Undo').click()
    await page.getByText('It is back.').waitFor()
    await button('letter.txt').first().waitFor()
  })

  it('has a trash from which folders come back too', async () => {
    await page.goto(`${steward.url}/files`)
    await button('Delete Photos 2026').click()
    await page.getByText('Photos 2026 is in the trash.').waitFor()
    await page.getByRole('link', { name: 'Trash', exact: true }).click()
    await page.getByText('/Photos 2026', { exact: true }).first().waitFor()
    await look('files-trash')
    await button('Restore /Photos 2026').first().click()
    await page.getByText('Restored.', { exact: true }).waitFor()
    await button(/^Delete .* for good/)
      .first()
      .click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await page.getByText('The trash is empty').waitFor()
    await page.getByRole('link', { name: 'My files' }).click()
    await page.getByRole('link', { name: 'Photos 2026', exact: true }).waitFor()
    await page.getByText(/One upload may have/).waitFor()
  })

  it('says what went wrong with an upload, and tries it again', async () => {
    await steward.owner.post('/api/settings/files', { max_upload_bytes: 10 })
    await choose(file('long.txt', 'more than ten bytes'))
    await page.getByText(/more than the 10 bytes that one upload may have/).waitFor()
    await look('files-refused')
    await steward.owner.post('/api/settings/files', { max_upload_bytes: 1024 ** 3 })
    await button('Try long.txt again').click()
    await page.getByText('Uploaded 1 of 1').waitFor()
    await button('long.txt').first().waitFor()
    await button('Done').click()
  })

  it('shows how far an upload is, and stops it', async () => {
    await page.route('**/api/my/files?*', (route) => route.request().method() === 'POST' || route.continue())
    await choose(file('waiting.txt', 'x'.repeat(1000)))
    await page.getByText('Uploading 0 of 1').waitFor()
    await page.getByRole('progressbar', { name: 'Upload of waiting.txt' }).waitFor()
    await look('files-uploading')
    await button('Cancel waiting.txt').click()
    await page.getByText('Uploading 0 of 1').waitFor({ state: 'detached' })
    await page.unroute('**/api/my/files?*')
  })

  it('says so where a folder is not there', async () => {
    await page.goto(`${steward.url}/files?path=/none`)
    await page.getByText('There is no such file or folder.').waitFor()
    await page.getByRole('link', { name: 'My files' }).first().waitFor()
    assert.deepEqual(walk.complaints, [])
  })
})
