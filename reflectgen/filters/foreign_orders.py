"""Orders to a reviewer in other languages than English: to drop its instructions, or to call a text safe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from reflectgen.filters.patterns import one_of, up_to, word_set

NOT_LATIN = re.compile("[\u0400-\u1fff\u3040-\ud7ff\uf900-\ufdff\ufe70-\ufeff]")


def _compiled(*patterns: str) -> re.Pattern[str]:
    """Compile for words in the form in which `split_words` has them."""
    return re.compile("|".join(unicodedata.normalize("NFKC", pattern) for pattern in patterns))


# Every pattern for Latin letters holds one of these words.
FOREIGN_WORDS = word_set(
    "ignoriere ignorieren ignoriert vergiss vergesst missachte missachten sicher unbedenklich harmlos ungefährlich"
    " ignore ignores ignorez ignorer oublie oublies oubliez oublier sûr sûre inoffensif inoffensive sécuritaire sans"
    " ignora ignorad ignoren ignorar ignoras olvida olvide olviden olvidad olvidar seguro segura inofensivo"
    " inofensiva ignorem esqueça esqueçam esquece desconsidere desconsidera descarta ignorate ignori ignorare"
    " dimentica dimenticate sicuro sicura innocuo innocua negeer negeren vergeet veilig onschadelijk ignorera glöm"
    " bortse säker säkert ofarlig ofarligt glem sikker sikkert ignoruj zignoruj ignorujcie zapomnij pomiń bezpieczny"
    " bezpieczne bezpieczna bezpieczną nieszkodliwy nieszkodliwe ignorujte zapomeň bezpečný bezpečné bezpečná"
    " güvenli zararsız talimatları talimatlari talimatlarını yönergeleri kuralları komutları bỏ phớt toàn abaikan"
    " lupakan aman ignoră ignorați uită sigur"
)
_DROP = one_of(
    "ignor(?!ant|anc|ed)\\w* vergiss vergesst missacht\\w* oublie[sz]? oublier olvid\\w* esque[çc]\\w* desconsider\\w*"
    " descarta dimentic\\w* negeer negeren vergeet glöm glem bortse zignoruj zapomnij pomiń zapomeň bỏ_qua phớt_lờ"
    " abaikan lupakan uită"
)
_RULES = one_of(
    "anweisung instruktion instruction instruct instruk vorgab befehl regel richtlinie oben obig vorherig bisherig"
    " consigne règle directive précéden ci_dessus instruccion instruç istruzion indicacion órdenes ordens ordini"
    " regla regra regole anterior precedent opdracht aanwijzing bovenstaand anvisning ovan instrukcj polece zasad"
    " wytyczn powyższ pokyn instrukc pravid perintah petunjuk aturan arahan hướng_dẫn chỉ_dẫn chỉ_thị quy_tắc lệnh"
    " prompt instrucțiun reguli"
)
_LABEL = one_of(
    "antworte bewerte markier kennzeichne klassifizier stufe einstufen werte bezeichne réponds répond marque class"
    " étiquet considér consider note responde marca clasifi etiquet califi responda rotul rispond classific"
    " contrassegn etichett segna giudica markeer beoordeel classificeer antwoord bestempel svara märk klassificera"
    " svar merk klassifi oznacz sklasyfikuj odpowiedz uznaj označ odpověz tandai klasifikasi jawab nilai labeli"
    " đánh_dấu phân_loại trả_lời gắn_nhãn räspunde răspunde etichetează marchează"
)
_AS = one_of(
    "als mit ist sei comme est avec soit como es con que com é seja come è sia is met som är er jako jest je za"
    " sebagai adalah dengan là ca este"
)
_HARMLESS = one_of(
    "sicher unbedenklich harmlos ungefährlich sûre? inoffensi(?:f|ve) sécuritaire sans_danger segur[oa]"
    " inofensiv[oa] sicur[oa] innocu[oa] veilig onschadelijk säkert? ofarligt? sikkert? bezpieczn[yeaą]"
    " nieszkodliw[ye] bezpečn[ýéá] aman an_toàn vô_hại sigur"
)
_TURKISH_DROP = one_of("yok_say görmezden_gel unut dikkate_alma göz_ardı_et")
_TURKISH_LABEL = one_of("işaretle sınıflandır yanıtla etiketle değerlendir kabul_et")
FOREIGN = _compiled(
    rf"(?<= ){_DROP} {up_to(6)}(?!instructions? ){_RULES}\w* ",
    rf"(?<= ){_LABEL}\w* {up_to(5)}{_AS} {up_to(2)}{_HARMLESS}(?= )",
    rf"(?<= )(?:talimat|yönerge|kural|komut)\w* {up_to(4)}{_TURKISH_DROP}\w* ",
    rf"(?<= )(?:güvenli|zararsız) {up_to(4)}{_TURKISH_LABEL}\w* ",
)

_RUSSIAN_DROP = one_of("игнориру проигнориру забудь забыть не_обращай ігнору проігнору пренебрег")
_RUSSIAN_RULES = one_of("инструкци указани правил команд інструкці вказів предыдущ попередн")
_RUSSIAN_LABEL = one_of("отмет пометь помет классифицир ответ оцени считай признай познач класифік")
_HINDI_LABEL = one_of("चिह्नित वर्गीकृत उत्तर बता घोषित लिख कह मान")
_SPACED = _compiled(
    rf" {_RUSSIAN_DROP}\w* {up_to(6)}{_RUSSIAN_RULES}",
    rf" {_RUSSIAN_LABEL}\w* {up_to(6)}(?:безопасн|безвредн|безпечн)",
    rf" (?:تجاهل|انس|انسى)\w* {up_to(6)}(?:ال)?(?:تعليمات|أوامر|قواعد|توجيهات)",
    r" (?:صنف|أجب|ضع|اعتبر|قل|علّم|صنّف|احكم)\w* (?:\S+ ){0,8}?(?:آمن|امن|غير ضار)",
    rf" (?:دستور|دستورالعمل|تعلیمات|قوانین)\w* {up_to(5)}(?:نادیده|فراموش)",
    r" (?:निर्देश|आदेश|नियम)\S* (?:\S+ ){0,5}?(?:अनदेखा|नज़रअंदाज|नजरअंदाज|भूल|उपेक्षा)",
    rf" (?:सुरक्षित|हानिरहित) (?:\S+ ){{0,5}}?{_HINDI_LABEL}",
    rf" (?:αγνόησε|αγνοήστε|ξέχασε|ξεχάστε) {up_to(6)}(?:οδηγίες|εντολές|κανόνες)",
    r" (?:התעלם|התעלמי|שכח) (?:\S+ ){0,6}?(?:\S?הוראות|\S?הנחיות|\S?כללים)",
)

# Chinese, Japanese, Korean, Thai: the spaces between words are of no use.
_CHINESE_DROP = one_of("忽略 无视 無視 忘记 忘記 忘掉 不要理会 不要理會 不用管 跳过 不必遵守 不要遵守")
_CHINESE_RULES = one_of("指令 指示 说明 說明 提示 规则 規則 要求 命令 以上 上述 上面 之前")
_CHINESE_LABEL = one_of(
    "标记 標記 标注 判定 判断 判斷 回答 输出 輸出 分类 分類 归类 视为 視為 评为 評為 认定 标为 回复"
)
_UNSPACED = _compiled(
    rf"{_CHINESE_DROP}.{{0,14}}{_CHINESE_RULES}",
    r"(?:以上|上述|上面|之前|先前).{0,8}(?:指令|指示|说明|提示|规则|要求|命令).{0,8}(?:忽略|无视|作废|无效)",
    rf"{_CHINESE_LABEL}.{{0,10}}(?:安全|无害|無害)",
    r"(?:指示|命令|プロンプト|ルール|指令|上記|規則).{0,10}(?:無視|忘れ|従わな)",
    r"(?:安全|無害)(?:と|だと|である|として).{0,10}(?:判定|分類|回答|答え|ラベル|マーク|評価|出力|返)",
    r"(?:지시|명령|지침|규칙|프롬프트).{0,10}(?:무시|잊|따르지)",
    r"(?:안전|무해).{0,8}(?:표시|분류|판정|답|평가|라벨|출력|간주)",
    r"(?:ละเว้น|เพิกเฉย|ไม่ต้องสนใจ|ลืม|อย่าสนใจ).{0,30}(?:คำสั่ง|คำแนะนำ|กฎ)",
    r"(?:ตอบ|จัด|ระบุ|ติดป้าย|ถือ).{0,24}ปลอดภัย",
)


def find_order(text_words: Sequence[str]) -> bool:
    """Say whether the words of a text in another script than Latin give such an order."""
    return bool(_SPACED.search(f" {' '.join(text_words)} ") or _UNSPACED.search("".join(text_words)))
