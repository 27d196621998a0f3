import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../services/errors.ts'
import { addressesIn } from '../services/mail/address-list.ts'
import { destinationOf, recipientsIn } from '../services/mail/recipients.ts'

/** Whom a mail goes to, however it is written; and that what is not clearly an address is no recipient at all. */

const READ: [string, string[]][] = [
  ['ann@x.org', ['ann@x.org']],
  ['Ann <ann@x.org>', ['ann@x.org']],
  ['< ann@x.org >', ['ann@x.org']],
  ['"Smith, J." <j@x.org>, b@y.org; c@z.org', ['j@x.org', 'b@y.org', 'c@z.org']],
  ['Team: a@x.org, "B" <b@y.org>;, c@z.org', ['a@x.org', 'b@y.org', 'c@z.org']],
  ['undisclosed-recipients:;', []],
  ['a@x.org (hi (nested, b@evil.org) \\) )', ['a@x.org']],
  ['"ann"@x.org', ['ann@x.org']],
  ['ann@BÜRO.Example', ['ann@xn--bro-hoa.example']],
  ['ann@x。org', ['ann@x.org']],
  ['=?utf-8?q?boss=40x.org?= <ann@x.org>', ['ann@x.org']],
  ['boss@x.org <eve@evil.org>', ['eve@evil.org']],
  ['"boss@x.org" <eve@evil.org>', ['eve@evil.org']],
  ['"<boss@x.org>" <eve@evil.org>', ['eve@evil.org']],
  ['(boss@x.org)eve@evil.org', ['eve@evil.org']],
]

const REFUSED = [
  'ann@x.org\r\nBcc: eve@evil.org',
  'ann@x.org\nSubject: x',
  'Ann\u2028 <ann@x.org>',
  'ann\u200b@x.org',
  'ann@x.org\u0000',
  '\u202egro.x@nna',
  'ann@x.org b@y.org',
  '<a@x.org> b@y.org',
  '<a@x.org><b@y.org>',
  '<a@x.org',
  'a@x.org>',
  '<<a@x.org>>',
  '"ann <a@x.org>',
  'a@x.org (unclosed',
  'a@x.org)',
  '<@relay.org:a@x.org>',
  'a@x.org:b@y.org;',
  '"john doe"@x.org',
  '"a@x.org"',
  'a@@x.org',
  'a @x.org',
  'a@x..org',
  '.a@x.org',
  'a@[127.0.0.1]',
  '*@x.org',
  '@x.org',
  'a@',
  'a\\@b@x.org',
  'ann',
]

describe('recipients', () => {
  it('are read as a mail server would read them', () => {
    for (const [written, expected] of READ) assert.deepEqual(addressesIn(written, 'to'), expected, written)
  })

  it('are refused where they are not clearly addresses, and the field is named', () => {
    for (const written of REFUSED)
      assert.throws(
        () => addressesIn(written, 'cc'),
        (error: AppError) => error.code === 'invalid' && (error.detail as any)[0].path === 'cc',
        written,
      )
  })

  it('hold nothing but one address each, without a space or a line end, whatever is written', () => {
    const pieces = fc.constantFrom(
      'a@x.org',
      ',',
      ';',
      ':',
      '<',
      '>',
      '"',
      '(',
      ')',
      ' ',
      '\r\n',
      '\\',
      'eve@evil.org',
      'Ä',
      '@',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        try {
          for (const address of addressesIn(parts.join(''), 'to'))
            assert.match(address, /^[^\s<>,;:"()@]+@[a-z0-9.-]+$/)
        } catch (error) {
          if (!(error instanceof AppError)) throw error
        }
      }),
    )
  })

  it('count once, in whatever field and case, as the list spells them', () => {
    const entry = { email: 'Ann@x.org', daily_limit: 2, owner: false, created_at: '' }
    const listed = (address: string) => (address.toLowerCase() === 'ann@x.org' ? entry : undefined)
    const found = recipientsIn(
      { to: ['ANN@x.org', 'bo@y.org'], cc: 'Ann <ann@X.org>', bcc: 'BO@y.org, cy@z.org' },
      listed,
    )
    assert.deepEqual(found, { to: ['Ann@x.org', 'bo@y.org'], cc: [], bcc: ['cy@z.org'] })
    assert.deepEqual(destinationOf('Ann@x.org', entry, 1), { address: 'Ann@x.org', class: 'listed' })
    assert.deepEqual(destinationOf('Ann@x.org', entry, 2), { address: 'Ann@x.org', class: 'listed', full: true })
    assert.deepEqual(destinationOf('bo@y.org', undefined, 0), { address: 'bo@y.org', class: 'other' })
    for (const none of ['', ' ', ',', 'nobody:;', '(ann@x.org)'])
      assert.throws(() => recipientsIn({ to: none }, listed), { code: 'invalid' }, none)
    const many = Array.from({ length: 51 }, (_, n) => `a${n}@x.org`)
    assert.throws(() => recipientsIn({ to: many }, listed), /50 addresses/)
  })
})
