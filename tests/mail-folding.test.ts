import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { foldQuotes, isForwarded } from '../services/mail/quotes.ts'

/** The fresh words of an answer are told from the mails beneath it, and nothing is lost on the way. */

const lines = (...all: string[]): string => all.join('\n')
const folded = (text: string, options = {}): [string, string] => {
  const { text: fresh, quoted } = foldQuotes(text, options)
  return [fresh.trim(), quoted.trim()]
}

const ATTRIBUTIONS = [
  'On Tue, Mar 3, 2026 at 10:00 AM Bob Smith <bob@example.org> wrote:',
  'On 03/03/2026 10:00, Bob wrote:',
  'Am 03.03.26 um 10:00 schrieb Bob:',
  'Am Di., 3. März 2026 um 10:00 Uhr schrieb Bob <bob@example.org>:',
  'Le mar. 3 mars 2026 à 10:00, Bob <bob@example.org> a écrit :',
  'El mar, 3 mar 2026 a las 10:00, Bob (<bob@example.org>) escribió:',
  'Il giorno mar 3 mar 2026 alle ore 10:00 Bob <bob@example.org> ha scritto:',
  'Em ter., 3 de mar. de 2026 às 10:00, Bob <bob@example.org> escreveu:',
  'Op di 3 mrt 2026 om 10:00 schreef Bob <bob@example.org>:',
  'Den tis 3 mars 2026 kl 10:00 skrev Bob <bob@example.org>:',
  'W dniu 3.03.2026 o 10:00, Bob pisze:',
  'wt., 3 mar 2026 o 10:00 Bob <bob@example.org> napisał(a):',
  'вт, 3 мар. 2026 г. в 10:00, Bob <bob@example.org>:',
  'Bob <bob@example.org> 于2026年3月3日周二 10:00写道：',
  '2026年3月3日(火) 10:00 Bob <bob@example.org>:',
  'Dne 3. 3. 2026 v 10:00 Bob napsal(a):',
]

const SEPARATORS = [
  ['-----Original Message-----', 'From: Bob', 'Sent: Tuesday', 'To: me', 'Subject: x'],
  ['-----Ursprüngliche Nachricht-----', 'Von: Bob', 'Gesendet: Dienstag', 'An: mich', 'Betreff: x'],
  [
    '________________________________',
    'From: Bob <bob@example.org>',
    'Sent: Tuesday, March 3, 2026 10:00 AM',
    'To: me',
    'Subject: x',
  ],
  ['From: Bob', 'Date: Tuesday', 'To: me', 'Cc: you', 'Subject: x'],
  ['Von: Bob', 'Gesendet: Dienstag, 3. März 2026', 'An: mich', 'Betreff: x'],
  ['*From:* Bob', '*Sent:* Tuesday', '*To:* me', '*Subject:* x'],
  ['De : Bob', 'Envoyé : mardi 3 mars 2026', 'À : moi', 'Objet : x'],
  ['De: Bob', 'Enviado el: martes', 'Para: mí', 'Asunto: x'],
  ['De: Bob', 'Enviada em: terça-feira', 'Para: mim', 'Assunto: x'],
  ['Da: Bob', 'Inviato: martedì', 'A: me', 'Oggetto: x'],
  ['Van: Bob', 'Verzonden: dinsdag', 'Aan: mij', 'Onderwerp: x'],
  ['发件人: Bob', '发送时间: 2026年3月3日', '收件人: me', '主题: x'],
  ['差出人: Bob', '送信日時: 2026年3月3日', '宛先: me', '件名: x'],
  ['От: Bob', 'Отправлено: вторник', 'Кому: me', 'Тема: x'],
]

describe('earlier mails beneath an answer are folded away', () => {
  for (const attribution of ATTRIBUTIONS)
    it(`after ${JSON.stringify(attribution)}`, () => {
      const mail = lines('Yes, please.', '', attribution, '> Shall I?', '>', '> Bob')
      assert.deepEqual(folded(mail), ['Yes, please.', lines(attribution, '> Shall I?', '>', '> Bob')])
    })

  for (const block of SEPARATORS)
    it(`from ${JSON.stringify(block[0])} on`, () => {
      const mail = lines('Yes, please.', '', ...block, '', 'Shall I?')
      assert.deepEqual(folded(mail), ['Yes, please.', lines(...block, '', 'Shall I?')])
    })

  it('where who wrote it takes two lines', () => {
    const mail = lines(
      'Yes.',
      '',
      'On Tue, Mar 3, 2026 at 10:00 AM Bob Smith the Third of Somewhere',
      '<bob@example.org> wrote:',
      '',
      '> Shall I?',
    )
    assert.equal(folded(mail)[0], 'Yes.')
  })

  it('where they are not marked line by line', () => {
    const mail = lines(
      'Yes.',
      '',
      'On Tuesday, March 3, 2026 at 10:00 AM, Bob <bob@example.org> wrote:',
      '',
      'Shall I?',
      'Bob',
    )
    assert.equal(folded(mail)[0], 'Yes.')
  })

  it('and a signature beneath them stays', () => {
    const mail = lines('Yes.', '', '> Shall I?', '', '-- ', 'Alice')
    assert.deepEqual(folded(mail), [lines('Yes.', '', '', '-- ', 'Alice'), '> Shall I?'])
  })

  it('where the answer stands beneath', () => {
    assert.deepEqual(folded(lines('Bob wrote on 3 March 2026:', '> Shall I?', '', 'Yes.')), [
      'Yes.',
      lines('Bob wrote on 3 March 2026:', '> Shall I?'),
    ])
  })
})

describe('nothing is folded away', () => {
  const whole = (text: string, options = {}) => assert.deepEqual(foldQuotes(text, options), { text, quoted: '' })

  it('where answers stand between the lines, but for what follows the last', () => {
    const mail = lines('Hi Bob,', '', '> Shall I?', '', 'Yes.', '', '> And when?', '', 'Tomorrow.', '', '> Bye')
    assert.deepEqual(folded(mail), [
      lines('Hi Bob,', '', '> Shall I?', '', 'Yes.', '', '> And when?', '', 'Tomorrow.'),
      '> Bye',
    ])
  })

  it('where the answers are said to be below', () => {
    whole(
      lines(
        'See my answers inline.',
        '',
        '-----Original Message-----',
        'From: Bob',
        'Sent: x',
        'To: me',
        'Subject: x',
        '',
        'Shall I? YES',
      ),
    )
  })

  it('where nothing else would be left', () => {
    whole(lines('> Shall I?', '> Bob'))
    whole(lines('', '-----Original Message-----', 'From: Bob', 'Sent: x', 'To: me', 'Subject: x', '', 'Shall I?'))
  })

  it('of what is passed on', () => {
    whole(
      lines(
        'FYI',
        '',
        '---------- Forwarded message ---------',
        'From: Bob',
        'Date: x',
        'Subject: x',
        'To: me',
        '',
        'Shall I?',
      ),
    )
    whole(lines('FYI', '', 'From: Bob', 'Sent: x', 'To: me', 'Subject: x', '', 'Shall I?'), { forwarded: true })
    for (const subject of ['Fwd: x', 'WG: x', 'Re: FW: x', 'TR : x', 'RV: x', '转发：x'])
      assert.equal(isForwarded(subject), true)
    for (const subject of ['Re: x', 'x', 'Twr: x', 'I am: here']) assert.equal(isForwarded(subject), false)
  })

  it('of what only looks like it', () => {
    whole(lines('From: Berlin', 'to: Hamburg', 'by train.'))
    whole(lines('On page 3 he wrote:', 'nothing at all.'))
    whole(lines('a -> b', 'c > d'))
    whole('')
  })
})

describe('folding', () => {
  const pieces = [
    '',
    ' ',
    'Hello',
    '> a',
    '>> b',
    '> ',
    '-- ',
    '-----Original Message-----',
    'From: x',
    'Sent: y',
    'To: z',
    'Subject: s',
    '____________',
    'On 3 March 2026, Bob wrote:',
    'wrote:',
    '---------- Forwarded message ---------',
    'Am 3.3.2026 schrieb Bob <b@x.org>:',
    'inline',
    'x\r',
  ]

  it('loses no line and keeps their order', () => {
    const mails = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 25 })
    fc.assert(
      fc.property(mails, fc.boolean(), (all, forwarded) => {
        const whole = all.join('\n')
        const { text, quoted } = foldQuotes(whole, { forwarded })
        const rest = quoted === '' && text === whole ? [] : quoted.split('\n')
        assert.deepEqual([...text.split('\n'), ...rest].sort(), whole.split('\n').sort())
        assert.ok(inOrder(text.split('\n'), whole.split('\n')) && inOrder(rest, whole.split('\n')))
        assert.equal(/[\p{L}\p{N}]/u.test(whole), /[\p{L}\p{N}]/u.test(text))
      }),
      { numRuns: 3_000 },
    )
  })
})

function inOrder(some: readonly string[], all: readonly string[]): boolean {
  let at = 0
  for (const line of all) if (at < some.length && line === some[at]) at++
  return at === some.length
}
