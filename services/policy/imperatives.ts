/** Words by which a text speaks to a model instead of to a reader. They say nothing for sure; they are worth a look. */

const FORGET: readonly [verbs: string, things: string][] = [
  ['ignore|disregard|forget|override|bypass', 'instructions?|prompts?|rules?|directives?|guidelines?|orders?'],
  ['ignorier\\p{L}*|vergiss|vergessen|missacht\\p{L}*', 'anweisung\\p{L}*|instruktion\\p{L}*|regeln|vorgaben|befehle?'],
  ['ignor\\p{L}+|oubli\\p{L}+', 'instructions?|consignes?|règles?|ordres?'],
  ['ignor\\p{L}+|olvid\\p{L}+|omit\\p{L}+', 'instruccion\\p{L}*|reglas?|órdenes|indicaciones'],
  ['ignor\\p{L}+|dimentic\\p{L}+', 'istruzion\\p{L}*|regole|ordini'],
  ['ignor\\p{L}+|esque\\p{L}+|desconsider\\p{L}+', 'instruç\\p{L}+|regras|ordens'],
  ['negeer|vergeet', 'instructies|aanwijzingen|regels|opdrachten'],
  ['zignoruj|ignoruj|zapomnij', 'instrukcj\\p{L}+|polece\\p{L}+|zasad\\p{L}*'],
  ['игнорир\\p{L}+|забудь\\p{L}*', 'инструкци\\p{L}+|указани\\p{L}+|правил\\p{L}*'],
]

const word = (words: string): string => `(?<!\\p{L})(?:${words})(?!\\p{L})`

const PATTERNS: readonly RegExp[] = [
  ...FORGET.map(([verbs, things]) => new RegExp(`${word(verbs)}[^.!?\\n]{0,60}${word(things)}`, 'iu')),
  /(忽略|无视|無視|忘记|忘記)[^。\n]{0,20}(指令|指示|说明|說明|规则|規則|提示)/u,
  /(指示|命令|ルール|プロンプト)[^。\n]{0,20}(無視|忘れ)/u,
  new RegExp(
    word(
      'you must now|you are now|you will now|from now on,? you|your new (?:task|instructions?|role)|new (?:system )?(?:instructions?|prompt)',
    ),
    'iu',
  ),
  new RegExp(word('du musst (?:jetzt|nun)|ab jetzt bist du|neue (?:anweisung|instruktion)\\p{L}*'), 'iu'),
  new RegExp(word('(?:tu dois|vous devez) maintenant|nouvelles? (?:instructions?|consignes?)'), 'iu'),
  new RegExp(word('ahora debes|debes ahora|a partir de ahora|nuevas? instruccion\\p{L}*'), 'iu'),
  new RegExp(
    word('(?:do not|don.t|never) (?:tell|inform|mention (?:this|it) to|alert) (?:the )?(?:user|owner|human)'),
    'iu',
  ),
  new RegExp(
    word(
      '(?:dear|attention|hey|hello|note to|instructions? (?:for|to)) (?:the |any |all )?(?:ai|a\\.i\\.|llm|language model|assistant|agent|chatbot)s?',
    ),
    'iu',
  ),
  /^[ \t>*#_-]*(system|assistant|developer|instructions?)[ \t*_]*:/imu,
  /<\/?(system|assistant|instructions?|tool_result|function_results)\b[^<>]{0,100}>/iu,
  /<\|[a-z_]{2,30}\|>|\[\/?(INST|SYS|SYSTEM)\]|<<\/?SYS>>|<\/?data-[\w-]{1,60}>/iu,
]

/** Whether a text holds words that are meant to give a model orders, in a dozen languages. Never a reason to block. */
export function soundsImperative(text: string): boolean {
  const plain = text.normalize('NFKC').replace(/[^\S\n]+/g, ' ')
  return PATTERNS.some((pattern) => pattern.test(plain))
}
