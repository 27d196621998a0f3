import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { AppError } from '../services/errors.ts'
import type { MailMessage } from '../services/mail/message.ts'
import { createMailReader } from '../services/mail/parse.ts'
import { readTnef } from '../services/mail/tnef.ts'
import { binary, text16, text8, winmail } from './peers/tnef.ts'

/** Mails of all kinds are taken apart in a thread of their own; what is built to harm costs its own reading. */

const FILE = new URL('../services/mail/parse-worker.ts', import.meta.url)
const reader = createMailReader({ file: FILE, limitMs: 20_000 })
after(() => reader.close())

const raw = (lines: readonly string[], encoding: BufferEncoding = 'utf8'): Buffer =>
  Buffer.from(lines.join('\r\n'), encoding)
const HEAD = ['From: Alice <alice@example.org>', 'To: me@example.net', 'Subject: Hello', 'Message-ID: <1@example.org>']
const parse = (mail: Uint8Array): Promise<MailMessage> => reader.parse(mail, new AbortController().signal)
const plain = (text: string, type = 'text/plain; charset=utf-8', more: string[] = []): Promise<MailMessage> =>
  parse(raw([...HEAD, `Content-Type: ${type}`, ...more, '', ...text.split('\n')]))
const html = async (text: string): Promise<string> => (await plain(text, 'text/html; charset=utf-8')).text
const multipart = (kind: string, ...parts: string[][]): Promise<MailMessage> =>
  parse(
    raw([
      ...HEAD,
      `Content-Type: multipart/${kind}; boundary=cut`,
      '',
      ...parts.flatMap((part) => ['--cut', ...part]),
      '--cut--',
    ]),
  )

describe('the header of a mail', () => {
  it('is read with its names, times and ids', async () => {
    const mail = await parse(
      raw([
        'From: =?UTF-8?Q?J=C3=BCrgen?= =?UTF-8?Q?_M=C3=BCller?= <J.Mueller@EXAMPLE.org>',
        'To: "Doe, Jane" <jane@example.net>, team: a@example.net, b@example.net;',
        'Cc: =?iso-2022-jp?B?GyRCOzNFRBsoQg==?= <yamada@xn--eckwd4c7c.example>',
        'Reply-To: answers@example.org',
        'Subject: =?utf-8?B?w5xiZXIg?=',
        ' =?utf-8?B?YWxsZQ==?= Berge',
        'Date: Tue, 3 Mar 2026 10:00:00 +0100 (CET)',
        'Message-ID: <abc@example.org>',
        'In-Reply-To: <two@example.org>',
        'References: <one@example.org>',
        '\t<two@example.org>',
        '',
        'Hello',
      ]),
    )
    assert.deepEqual(mail.from, [{ name: 'Jürgen Müller', address: 'J.Mueller@example.org' }])
    assert.deepEqual(
      mail.to.map(({ address }) => address),
      ['jane@example.net', 'a@example.net', 'b@example.net'],
    )
    assert.deepEqual(mail.cc, [{ name: '山田', address: 'yamada@xn--eckwd4c7c.example' }])
    assert.deepEqual(mail.replyTo, [{ name: '', address: 'answers@example.org' }])
    assert.equal(mail.subject, 'Über alle Berge')
    assert.equal(mail.sentAt, '2026-03-03T09:00:00.000Z')
    assert.equal(mail.messageId, 'abc@example.org')
    assert.equal(mail.inReplyTo, 'two@example.org')
    assert.deepEqual(mail.references, ['one@example.org', 'two@example.org'])
    assert.equal(mail.text, 'Hello')
  })

  const senders: [string, number][] = [
    ['From: a@example.org', 1],
    ['From: "Boss, the" <a@example.org>', 1],
    ['From: "boss@example.net" <a@example.org>', 1],
    ['From: a@example.org (boss@example.net)', 1],
    ['From: a@example.org, b@example.org', 2],
    ['From: a@example.org\r\nFrom: b@example.org', 2],
    ['From: <a@example.org> <b@example.org>', 0],
    ['From: a@example.org b@example.org', 0],
    ['From: a@example.org, nobody', 0],
    ['From: a@example.org <>', 0],
    ['From: =?utf-8?q?a=40example=2Eorg?=', 0],
    ['From: undisclosed:;', 0],
    ['X-From: a@example.org', 0],
  ]
  for (const [field, count] of senders)
    it(`names ${count === 1 ? 'one sender' : count === 0 ? 'nobody' : 'several'} in ${JSON.stringify(field)}`, async () => {
      assert.equal((await parse(raw([field, 'Subject: x', '', 'Hello']))).from.length, count)
    })
})

describe('the words of a mail', () => {
  it('are read in the charset they are written in', async () => {
    const cases: [string, Buffer, string][] = [
      ['iso-2022-jp', Buffer.from('1b244224332473244b2441244f1b2842', 'hex'), 'こんにちは'],
      ['windows-1252', Buffer.from('93804094', 'hex'), '“€@”'],
      ['GB18030', Buffer.from('c4e3bac3', 'hex'), '你好'],
      ['koi8-r', Buffer.from('f0d2c9d7c5d4', 'hex'), 'Привет'],
      ['utf-7', Buffer.from('Gr+APwA3w-e'), 'Grüße'],
      ['us-ascii', Buffer.from('Grüße'), 'Grüße'],
      ['utf-8', Buffer.from('Grüße', 'latin1'), 'Grüße'],
      ['iso-8859-1', Buffer.from('Grüße'), 'Grüße'],
      ['x-nobody-knows', Buffer.from('Grüße'), 'Grüße'],
      ['gb2312', Buffer.from('Grüße ☂'), 'Grüße ☂'],
    ]
    for (const [charset, bytes, text] of cases) {
      const head = raw([
        ...HEAD,
        `Content-Type: text/plain; charset="${charset}"`,
        'Content-Transfer-Encoding: 8bit',
        '',
        '',
      ])
      assert.equal((await parse(Buffer.concat([head, bytes]))).text, text, charset)
    }
  })

  it('flow together where lines only end for want of room, and stay apart where they are quoted', async () => {
    const mail = await plain('This is one \nparagraph.\n\nNext.', 'text/plain; charset=utf-8; format=flowed')
    assert.equal(mail.text, 'This is one paragraph.\n\nNext.')
    const spaceless = await plain('日本 \n語', 'text/plain; charset=utf-8; format=flowed; delsp=yes')
    assert.equal(spaceless.text, '日本語')
  })

  it('are the plain ones of two alternatives, and those of the other where the plain ones are empty', async () => {
    const both = [
      ['Content-Type: text/plain', '', 'Plain'],
      ['Content-Type: text/html', '', '<p>Rich</p>'],
    ]
    assert.equal((await multipart('alternative', ...both)).text, 'Plain')
    const empty = [
      ['Content-Type: text/plain', '', ' '],
      ['Content-Type: text/html', '', '<p>Rich</p>'],
    ]
    assert.equal((await multipart('alternative', ...empty)).text, 'Rich')
  })

  it('are a text with links, items and quotations where they came as HTML', async () => {
    assert.equal(
      await html(
        '<p>See <a href="https://example.org/a">this</a>.</p><ul><li><p>one</p></li><li>two</li></ul><p>a<br>b</p>',
      ),
      'See this <https://example.org/a>.\n\n- one\n\n- two\n\na\nb',
    )
    assert.equal(
      await html('<table><tr><td>Total</td><td>12 €</td></tr><tr><td>Due</td><td>May</td></tr></table>'),
      'Total 12 €\nDue May',
    )
  })

  it('have their character references read, and markup that is none left as it is', async () => {
    assert.equal(
      await html('1 &lt; 2 &amp;&nbsp;&#8364;&#x20AC;&#147;&eacute;&bogus; a < b'),
      '1 < 2 & €€“é&bogus; a < b',
    )
  })

  it('say where links lead, but no more than that', async () => {
    assert.equal(await html('<a href="https://example.org">https://example.org</a>'), 'https://example.org')
    assert.equal(await html('<a href="mailto:a@example.org">write</a>'), 'write <a@example.org>')
    assert.equal(await html('<a href="javascript:x">click</a> <a href="cid:1">see</a>'), 'click see')
  })

  const hidden = [
    '<span style="display:none">secret</span>',
    '<div hidden>secret</div>',
    '<p style="font-size:0px">secret</p>',
    '<p style="color:#fff;background:#ffffff">secret</p>',
    '<!-- secret -->',
    '<div hidden><div>a</div>secret</div>',
    '<noscript>secret</noscript>',
    '<b title=">secret" hidden>secret</b>',
    '<textarea>secret</textarea>',
    '<title>secret</title>',
    '<script>secret</script>',
    '<style>.x{display:none}</style><i class="x">secret</i>',
    '<style>@media print{p{color:red}} #y, .z {visibility: hidden}</style><i id=y>secret</i><b class="z">secret</b>',
    'Hel\u200blo\u{e0073}\u{e0065}',
  ]
  for (const piece of hidden)
    it(`leave out what nobody sees: ${JSON.stringify(piece).slice(0, 60)}`, async () => {
      const text = await html(`<p>Good day</p>${piece}`)
      assert.match(text, /Good day/)
      assert.doesNotMatch(text, /secret|[\u200b\u{e0000}-\u{e007f}]/u)
    })
})

describe('attachments', () => {
  it('are kept with a name that leads nowhere, whatever it was', async () => {
    const mail = await multipart(
      'mixed',
      ['Content-Type: text/plain', '', 'See there'],
      [
        'Content-Type: application/pdf; name="../../etc/=?utf-8?q?B=C3=BCcher?=.pdf"',
        'Content-Transfer-Encoding: base64',
        '',
        'JVBERi0xLjQK',
      ],
      ['Content-Type: text/csv', "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC%20list.csv", '', 'a;b'],
      ['Content-Type: image/png', 'Content-Disposition: attachment', '', 'x'],
    )
    assert.deepEqual(
      mail.attachments.map(({ name, mediaType, size }) => [name, mediaType, size]),
      [
        ['Bücher.pdf', 'application/pdf', 9],
        ['€ list.csv', 'text/csv', 3],
        ['attachment-3', 'image/png', 1],
      ],
    )
    assert.equal(mail.attachments[0]!.data!.toString(), '%PDF-1.4\n')
    assert.equal(mail.text, 'See there')
  })

  it('that are mails are named by their subject and say their own words', async () => {
    const mail = await multipart(
      'mixed',
      ['Content-Type: text/plain', '', 'Look at this'],
      ['Content-Type: message/rfc822', '', 'From: bob@example.org', 'Subject: The offer', '', 'Ten euros.'],
    )
    const [inner] = mail.attachments
    assert.equal(inner!.name, 'The offer.eml')
    assert.match(inner!.text!, /From: .*bob@example\.org[^]*Subject: The offer[^]*Ten euros\./)
    assert.equal(mail.text, 'Look at this')
  })

  const wrapped = (data: Buffer, words = 'Hello') =>
    multipart(
      'mixed',
      ['Content-Type: text/plain', '', words],
      [
        'Content-Type: application/ms-tnef; name="winmail.dat"',
        'Content-Transfer-Encoding: base64',
        '',
        data.toString('base64').replace(/.{76}/g, '$&\r\n'),
      ],
    )
  const files = ({ attachments }: MailMessage) =>
    attachments.map(({ name, mediaType, data }) => [name, mediaType, data?.toString('latin1')])

  it('that Outlook wrapped into a winmail.dat are unpacked, with their long names', async () => {
    const mail = await wrapped(
      winmail(
        [text16(0x1000, 'Said twice')],
        [
          {
            short: 'OFFER~1.PDF',
            long: 'Offer for Zoë.pdf',
            mediaType: 'application/pdf',
            data: Buffer.from('%PDF-1.4\n'),
          },
          { short: '..\\LIST.CSV', data: Buffer.from('a;b\n1;2\n') },
          { short: 'Forwarded', data: Buffer.of(), mail: winmail([text8(0x1000, 'Ten euros.')], []) },
        ],
      ),
    )
    assert.deepEqual(files(mail).slice(0, 2), [
      ['Offer for Zoë.pdf', 'application/pdf', '%PDF-1.4\n'],
      ['LIST.CSV', 'application/octet-stream', 'a;b\n1;2\n'],
    ])
    assert.deepEqual([mail.attachments[2]!.name, mail.attachments[2]!.text], ['Forwarded', 'Ten euros.'])
    assert.equal(mail.text, 'Hello')
    assert.match(mail.problems.join(), /winmail\.dat.*unpacked\.$/)
  })

  for (const [what, property, codePage] of [
    ['plain', text16(0x1000, 'Grüße aus Kyiv — Київ'), 1252],
    ['in the charset of its code page', text8(0x1000, 'Grüße'), 1252],
    ['as HTML', binary(0x1013, Buffer.from('<style>p{}</style><p>Gr&uuml;&szlig;e</p>')), 1252],
    ['as HTML in the charset of its code page', binary(0x1013, Buffer.from('<p>\xf0\xd2\xc9</p>', 'latin1')), 20866],
  ] as const)
    it(`give the mail its words where it has no others: ${what}`, async () => {
      const mail = await wrapped(winmail([property], [], { codePage }), '')
      assert.match(mail.text, codePage === 20866 ? /^При$/ : /^Grüße/)
    })

  it('that Outlook wrapped and that are cut off or no such thing keep what there is', async () => {
    const whole = winmail([], [{ short: 'a.txt', data: Buffer.from('one') }, { short: 'b.txt', data: Buffer.from('two') }]) // prettier-ignore
    for (let length = 0; length < whole.length; length += 7) {
      const mail = await wrapped(whole.subarray(0, length))
      assert.equal(mail.readable, true)
      assert.ok(mail.attachments.length > 0, `nothing is left of ${length} bytes`)
    }
    const cut = await wrapped(whole.subarray(0, whole.length - 40))
    assert.equal(cut.attachments[0]!.name, 'a.txt')
    assert.match(cut.problems.join(), /damaged/)
    const none = await wrapped(Buffer.from('no TNEF at all'))
    assert.deepEqual(files(none), [['winmail.dat', 'application/ms-tnef', 'no TNEF at all']])
    assert.match(none.problems.join(), /could not be read/)
    const rich = await wrapped(winmail([binary(0x1009, Buffer.from('rtf'))], []), '')
    assert.match(rich.problems.join(), /rich text/)
  })

  it('that Outlook wrapped cost no more than they are, whatever lengths and counts they name', async () => {
    const data = winmail([text16(0x1000, 'x')], [{ short: 'a', data: Buffer.alloc(100) }])
    for (let at = 6; at < data.length - 4; at++)
      for (const value of [0xffffffff, 0x7fffffff, 0]) {
        const broken = Buffer.from(data)
        broken.writeUInt32LE(value, at)
        assert.ok(readTnef(broken)!.files.length <= 2)
      }
    const one = winmail([], [{ short: 'a', data: Buffer.of(1) }])
    const head = winmail([], []).length
    const many = Buffer.concat([one.subarray(0, head), ...Array.from({ length: 5_000 }, () => one.subarray(head))])
    assert.equal(readTnef(many)!.files.length, 200)
  })

  it('beyond 20 MiB together are named without what is in them', async () => {
    const large = Buffer.alloc(15 * 1024 * 1024, 65)
      .toString('base64')
      .replace(/.{76}/g, '$&\r\n')
    const part = [
      'Content-Type: application/octet-stream; name=big.bin',
      'Content-Transfer-Encoding: base64',
      '',
      large,
    ]
    const mail = await multipart('mixed', ['Content-Type: text/plain', '', 'Two'], part, part)
    assert.deepEqual(
      mail.attachments.map(({ data, reason }) => [data?.length, reason]),
      [
        [15 * 1024 * 1024, undefined],
        [undefined, 'the attachments are larger than 20 MiB together'],
      ],
    )
  })
})

describe('mails that are built to harm', () => {
  const nested = (depth: number): Buffer => {
    const open = Array.from({ length: depth }, (_value, at) => [
      `--b${at}`,
      `Content-Type: multipart/mixed; boundary=b${at + 1}`,
      '',
    ])
    return raw([...HEAD, 'Content-Type: multipart/mixed; boundary=b0', '', ...open.flat(), `--b${depth}`, '', 'deep'])
  }
  const inner = (depth: number): Buffer =>
    raw([
      ...HEAD,
      ...Array.from({ length: depth }, () => ['Content-Type: message/rfc822', '']).flat(),
      'Subject: x',
      '',
      'deep',
    ])
  const parts = Array.from({ length: 10_000 }, () => ['--cut', 'Content-Type: text/plain', '', 'x']).flat()
  const cases: [string, Buffer][] = [
    ['parts within parts, 5,000 deep', nested(5_000)],
    ['mails within mails, 2,000 deep', inner(2_000)],
    ['10,000 parts', raw([...HEAD, 'Content-Type: multipart/mixed; boundary=cut', '', ...parts, '--cut--'])],
    ['a header of 8 MiB', raw([...HEAD, `X-Long: ${'x'.repeat(8 * 1024 * 1024)}`, '', 'body'])],
    [
      '200,000 header fields',
      raw([...HEAD, ...Array.from({ length: 200_000 }, (_value, at) => `X-${at}: y`), '', 'body']),
    ],
    [
      'a From field of 100,000 addresses',
      raw([`From: ${'a@example.org, '.repeat(100_000)}`, 'Subject: Hello', '', 'x']),
    ],
    ['one line of 30 MiB', raw([...HEAD, '', 'x'.repeat(30 * 1024 * 1024)])],
    ['HTML 100,000 deep', raw([...HEAD, 'Content-Type: text/html', '', '<div>'.repeat(100_000)])],
    ['HTML of 400,000 elements', raw([...HEAD, 'Content-Type: text/html', '', '<b>x</b>'.repeat(400_000)])],
    [
      'a style sheet of open braces',
      raw([...HEAD, 'Content-Type: text/html', '', `<style>${'{'.repeat(90_000)}</style>Hello`]),
    ],
    ['quotations 100,000 deep', raw([...HEAD, 'Content-Type: text/html', '', '<blockquote>x'.repeat(100_000)])],
    ['tags that never end', raw([...HEAD, 'Content-Type: text/html', '', `<a "<a '`.repeat(100_000)])],
    ['a line of spaces', raw([...HEAD, '', `${' '.repeat(2_000_000)}x`])],
    [
      'a million quoted lines',
      raw([...HEAD, '', ...Array.from({ length: 1_000_000 }, (_value, at) => (at % 2 ? '> a' : ''))]),
    ],
    [
      'quotes and answers in turn',
      raw([...HEAD, '', ...Array.from({ length: 500_000 }, (_value, at) => (at % 2 ? '> a' : 'b'))]),
    ],
    ['header blocks without end', raw([...HEAD, '', ...Array.from({ length: 300_000 }, () => 'From: x')])],
    [
      'a boundary of nothing but boundaries',
      raw([...HEAD, 'Content-Type: multipart/mixed; boundary="-"', '', '---\r\n'.repeat(300_000)]),
    ],
    [
      'comments without end',
      raw([
        `From: ${'('.repeat(100_000)}`,
        `Content-Transfer-Encoding: ${'('.repeat(100_000)}`,
        'Subject: Hello',
        '',
        'x',
      ]),
    ],
    ['encoded words without end', raw([...HEAD, `Subject: ${'=?utf-8?b?'.repeat(50_000)}`, '', 'x'])],
    ['zeros', Buffer.concat([raw([...HEAD, '', '']), Buffer.alloc(5_000_000)])],
    ['nothing at all', Buffer.alloc(0)],
  ]
  for (const [name, mail] of cases)
    it(`cost their own reading: ${name}`, async () => {
      const read = await parse(mail)
      assert.ok(read.text.length <= 2 * 1024 * 1024)
      if (mail.indexOf('Subject: Hello') >= 0 && mail.indexOf('Subject: Hello') < 1_000)
        assert.match(read.subject, /^(Hello|=\?)/)
      assert.equal((await plain('Still here')).text, 'Still here')
    })

  it('take no more time than they may, and keep their header', async () => {
    const file = new URL('./peers/stuck-parse-worker.ts', import.meta.url)
    const strict = createMailReader({ file, limitMs: 2_000 })
    const read = await strict.parse(raw([...HEAD, '', 'body']), new AbortController().signal)
    assert.deepEqual([read.readable, read.subject, read.text, read.from.length], [false, 'Hello', '', 1])
    assert.match(read.problems.join(), /could not be taken apart/)
    await strict.close()
  })

  it('whose header is too long are not taken for what their beginning says', async () => {
    const read = await parse(
      raw(['From: a@example.org', `X-Long: ${'x'.repeat(300_000)}`, 'From: b@example.org', '', 'body']),
    )
    assert.equal(read.readable, false)
  })

  it('beyond 64 MiB are refused', async () => {
    await assert.rejects(parse(Buffer.alloc(64 * 1024 * 1024 + 1)), (error: AppError) => error.code === 'too_large')
  })

  it('are let go when nobody waits any more', async () => {
    const gone = new AbortController()
    const reading = reader.parse(raw([...HEAD, '', 'x']), gone.signal)
    gone.abort(new Error('gone'))
    await assert.rejects(reading, /gone/)
    assert.equal((await plain('Still here')).text, 'Still here')
  })
})
