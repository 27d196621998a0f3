/** How mail programs introduce earlier mails, in the languages they are sold in. */

/** The words by which the mention of an author closes: “On …, X wrote:”. */
const CLOSES = new RegExp(
  String.raw`(?:wrote|writes|schrieb|écrit|escribió|escribio|ha scritto|escreveu|schreef|skrev|kirjoitti|napisał(?:\(a\)|a)?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|írta|a scris|yazdı|şunu yazdı|написал(?:\(а\)|а)?|пишет|написав|写道|寫道|のメッセージ|書きました|wrote the following|님이 작성)`,
  'iu',
)
/** How such a mention begins. */
export const STANDING =
  /^(?:[*_]{0,2})(?:On|Am|Le|El|Il|Em|Op|Den|Dne|Dňa|W dniu|Dnia|Le|La|В|Ср|Пн|Вт|Чт|Пт|Сб|Вс|\p{L}{2,3}\.?,?\s\d|\d{1,4}[-./年]|在|于|於)\s?/u

/** Whether these words end by naming who wrote what follows. */
export function closesAttribution(said: string): boolean {
  if (said.length > 600 || !/[:：]\s*[*_]{0,2}$/.test(said)) return false
  if (CLOSES.test(said.slice(-200)) || CLOSES.test(said.slice(0, 200))) return true
  return /<[^<>\s]+@[^<>\s]+>\s*[:：]$/.test(said) && /\d/.test(said)
}

const ORIGINAL = new RegExp(
  String.raw`^[-_=*\s]{2,}(?:original[ -]message|original appointment|ursprüngliche nachricht|originalnachricht|original-nachricht|message d['’]origine|message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|ursprungligt meddelande|originalmeddelande|oprindelig meddelelse|opprinnelig melding|alkuperäinen viesti|oryginalna wiadomość|wiadomość oryginalna|původní zpráva|pôvodná správa|eredeti üzenet|исходное сообщение|оригинальное сообщение|orijinal ileti|özgün ileti|原始邮件|原始郵件|元のメッセージ|원본 메시지)[-_=*\s]{0,80}$`,
  'iu',
)
/** “-----Original Message-----” */
export const isOriginalLine = (line: string): boolean => line.length < 200 && ORIGINAL.test(line)

const FORWARD = new RegExp(
  String.raw`^(?:[-_=*\s]{2,}\s*(?:forwarded message|weitergeleitete nachricht|message transféré|message transmis|mensaje reenviado|mensagem encaminhada|messaggio inoltrato|doorgestuurd bericht|vidarebefordrat meddelande|videresendt meddelelse|videresendt melding|przekazana wiadomość|přeposlaná zpráva|пересылаемое сообщение|转发邮件|転送メッセージ)|begin forwarded message|anfang der weitergeleiteten nachricht|début du message (?:transféré|réexpédié)|inizio messaggio inoltrato)`,
  'iu',
)
/** “---------- Forwarded message ----------”: what follows is what the mail is about. */
export const isForwardLine = (line: string): boolean => line.length < 200 && FORWARD.test(line)

/** A label of a header block and a value. */
export const LABELLED = /^[*_>\s]{0,4}([\p{L} .]{1,30}?)\s?[*_]{0,2}\s?[:：]\s?[*_]{0,2}(?=\S|$)/u

/** Labels of a header block: sender, time, receiver, subject. */
export const HEADER_LABELS: readonly RegExp[] = [
  /^(?:from|von|de|da|van|från|fra|lähettäjä|od|feladó|от|від|gönderen|kimden|发件人|寄件者|差出人|보낸 사람)$/iu,
  /^(?:sent|date|gesendet|datum|envoyé|date d.envoi|enviado(?: el)?|enviada(?: em)?|fecha|data|inviato|verzonden|skickat|sendt|dato|lähetetty|päivämäärä|wysłano|odesláno|odoslané|dátum|elküldve|отправлено|дата|надіслано|gönderildi|gönderme tarihi|tarih|发送时间|日期|寄件日期|送信日時|日付|보낸 날짜)$/iu,
  /^(?:to|an|à|a|para|aan|till|til|vastaanottaja|do|komu|címzett|кому|kime|收件人|收件者|宛先|받는 사람)$/iu,
  /^(?:subject|betreff|objet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|tárgy|тема|konu|主题|主旨|件名|제목)$/iu,
]

/** What people write who answer between the lines of the mail below. */
export const INLINE =
  /\b(?:in-?line|see (?:my )?(?:answers?|comments?|replies|remarks?)(?: below)?|(?:answers?|comments?|replies) (?:are )?(?:below|in (?:red|blue|green|bold))|(?:siehe|s\.) unten|unten im text|zwischen den zeilen|im text unten|ci-dessous|dans le texte|más abajo|a continuación|qui sotto|nel testo|hieronder|abaixo)\b/iu
