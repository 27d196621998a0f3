import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLeaks } from '../services/policy/leaks.ts'
import { casesOf, precision, recall, score } from './peers/leak-corpus.ts'

/** The leak detector finds known secrets in any spelling, unknown ones by their shape, and lets the rest be. */

const VALUE = 'kX7-planted_9a/Lk+Qz'
const list: [string, string][] = [
  ['mine', VALUE],
  ['short', '1234567'],
]
const leaks = createLeaks({ secrets: () => list })

describe('the leak detector', () => {
  const harmless = casesOf('harmless')

  it('finds nearly every known secret of the corpus in every spelling, and hardly anything else', () => {
    const known = score([...casesOf('known'), ...harmless], 'known')
    assert.ok(known.cases > 300)
    assert.ok(recall(known) >= 0.95, JSON.stringify(known.missed, null, 1))
    assert.ok(precision(known) >= 0.95, JSON.stringify(known.wrong, null, 1))
  })

  it('finds nearly every secret that only its shape tells, and hardly anything else', () => {
    const shapes = score([...casesOf('shapes'), ...harmless], 'shape')
    assert.ok(recall(shapes) >= 0.9, JSON.stringify(shapes.missed, null, 1))
    assert.ok(precision(shapes) >= 0.95, JSON.stringify(shapes.wrong, null, 1))
  })

  it('says where and which, and never the value', () => {
    const found = leaks.find({ to: 'a@b.example', parts: ['nothing', { body: `x ${VALUE}` }], [VALUE]: 1 })
    assert.deepEqual(found, [
      { name: 'mine', path: 'parts[1].body', form: 'plain' },
      { name: 'mine', path: '', form: 'plain' },
    ])
  })

  it('finds a secret that is cut over the fields of a value', () => {
    assert.deepEqual(leaks.find({ subject: `a ${VALUE.slice(0, 9)}`, body: `${VALUE.slice(9)} b` }), [
      { name: 'mine', path: '', form: 'split' },
    ])
  })

  it('lets values of less than 8 characters be', () => {
    assert.deepEqual(leaks.find('1234567'), [])
  })

  it('sees a list that has changed', () => {
    let known: [string, string][] = []
    const detector = createLeaks({ secrets: () => known })
    assert.deepEqual(detector.find(VALUE), [])
    known = list
    assert.equal(detector.find(VALUE)[0]?.name, 'mine')
  })

  it('takes any value', () => {
    for (const value of [undefined, null, true, 1, '', [], {}, '\ud800', '%', '\\u', '&#x110000;', '%ff%fe', [[[[]]]]])
      assert.deepEqual(leaks.find(value), [])
  })
})

describe('a megabyte that was written to keep it busy', () => {
  const MEGABYTE = 1_000_000
  const REPEATED = [
    'a',
    'eyJ',
    'eyJaaaaaaaa.',
    'sk-',
    'token=',
    'password: ',
    'a://b:',
    'a://b:cccccc',
    '-----BEGIN ',
    'otpauth://totp/?',
    '&#x26;',
    '%25',
    '\\u005c',
    '0x',
    'k X 7 - ',
    VALUE.slice(0, 12),
  ]
  for (const piece of REPEATED) {
    it(`of ${JSON.stringify(piece)} is gone through once`, () => {
      // @NOTE work that grows with the square of the length would take hours here.
      const text = piece.repeat(Math.ceil(MEGABYTE / piece.length)) + VALUE
      assert.ok(leaks.find(text).some(({ name }) => name === 'mine'))
    })
  }
})
