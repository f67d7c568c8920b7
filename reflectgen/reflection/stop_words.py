"""Small word lists, written by hand, that tell content words from the rest.

`STOP_WORDS` maps a language code to the words that never belong to a key phrase; they also tell the language of a text.
`VERBS` are English words that are verbs far more often than nouns: they end a key phrase as a stop word does.
`DULL_WORDS` may stand in a key phrase but hardly say what a text is about.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words("the a an this that these those every each another no any some")
POSSESSIVES = _words("my your his her its our their whose one's")
PREPOSITIONS = _words(
    "of in on at by for with from about into onto over under between among through across against"
    " during within without towards toward along behind beside near like as per via upon around above"
    " below beneath inside outside"
)
PRONOUNS_AND_AUXILIARIES = _words(
    "i you he she it we they me him them us who which what there to not am is are was were be been"
    " being do does did have has had having can could will would shall should may might must cannot"
    " let let's i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's"
    " it'll we're we've we'll we'd they're they've they'll they'd don't doesn't didn't can't couldn't"
    " won't wouldn't shouldn't isn't aren't wasn't weren't haven't hasn't hadn't ain't gonna wanna"
    " gotta"
)
_ENGLISH = (
    DETERMINERS
    | POSSESSIVES
    | PREPOSITIONS
    | PRONOUNS_AND_AUXILIARIES
    | _words(
        "alone aloud straight upside outwards inwards upwards downwards forwards backwards larger smaller"
        " longer shorter higher lower older younger wider and or but nor so yet if then else when while"
        " where why how because since until till before after though although unless whether than too very"
        " just only even still also again ever never always often sometimes soon once twice already almost"
        " quite rather really perhaps maybe indeed instead however therefore thus hence moreover otherwise"
        " here now today tonight yesterday tomorrow up down out off away back forth aside apart together"
        " all both either neither none more most less least much many few several such same other others"
        " own anything something nothing everything anyone someone nobody everyone everybody somebody"
        " anybody myself yourself himself herself itself ourselves themselves yourselves yes oh ah well ok"
        " okay please mr mrs ms dr sir st etc eg ie vs one two three four five six seven eight nine ten"
        " first second third last next hundred thousand million half mine yours hers ours theirs whom"
        " whoever whatever whichever wherever whenever somehow somewhere anywhere everywhere nowhere"
        " further far long ago later earlier lately mostly nearly merely hardly simply actually especially"
        " usually actual able according amid amongst beyond despite except including regarding round past"
        " plus minus upto unto thy thee thou thine ye hath doth shalt 'tis 'twas http https www com html"
        " amp gt lt quot nbsp unk rt de la le les und der die el los"
    )
)

_VERB_STEMS = _words(
    "accept accompany cause climb cool feed help jump like melt smell stop achieve add admit agree"
    " aim allow appear apply arise arrive ask assume attempt avoid become begin believe belong bring"
    " build buy carry catch choose come compare complain conclude consider consist contain continue"
    " convince create deal decide declare define deliver depend describe deserve destroy determine"
    " develop die differ disappear discover discuss drag eat eliminate emerge enable encourage endure"
    " enjoy ensure enter establish examine exist expect explain express extend fail fall feel find"
    " finish fit follow forget forgive gather get give go grow happen hate hear hide hold hope"
    " identify ignore imagine improve include increase indicate inform insist intend introduce invite"
    " involve join keep kneel know lack laugh lead learn leave lend let lie listen live look lose make"
    " manage mean meet mention move need obey occur offer open overcome owe own pass pay perceive"
    " perform persuade pick prefer prepare prevent produce promise propose protect prove provide pull"
    " push put raise reach read realize realise receive recognize recognise recommend refer reflect"
    " refuse relate rely remain remember remind remove repeat replace reply represent require respond"
    " reveal run save say see seek seem select sell send serve set settle shake share show shut sit"
    " sleep smile solve speak spend stand start stay steal stir succeed suffer suggest suppose survive"
    " take talk tell tend think throw treat tried try turn understand use vanish vary visit wait wake"
    " walk want warn wash watch wear weep win wish wonder worry write yell ought dare seemed click"
    " submit tap mix pour chop slice peel drain sprinkle whisk fold bake boil simmer rinse press"
    " insert attach tighten loosen unplug measure"
)
_IRREGULAR_VERBS = _words(
    "ate became began begun bent bit bought bound brought built came caught chose chosen crept cut"
    " dealt died done drank drawn drew driven drove eaten fallen fed fell felt fled flew flown forgot"
    " forgotten fought found gave given gone got gotten grew grown heard held hid hidden hung kept"
    " knelt knew known laid lain led left lent lit lost made meant met paid ran rang read ridden risen"
    " rode rose said sang sank sat saw seen sent shaken shone shook shot slept sold sought spent spoke"
    " spoken sprang stole stood struck stuck sung swam swept swore taken taught thought threw thrown"
    " told took torn understood went wept woke won wore worn written wrote tied lay lying dying trying"
    " going doing goes does gets says let lets makes put puts comes came looks seems begins arrives"
    " leaves falls rises stands sits holds keeps turns becomes brings remains follows happens means"
    " needs wants knows thinks feels asks tells calls tries"
)


def _inflect(stem: str) -> tuple[str, ...]:
    base = stem.removesuffix("e")
    doubled = stem + stem[-1]
    past = stem[:-1] + "ied" if stem.endswith("y") and stem[-2] not in "aeou" else base + "ed"
    third = stem[:-1] + "ies" if stem.endswith("y") and stem[-2] not in "aeou" else stem + "s"
    return stem, third, stem + "es", past, base + "ing", stem + "ing", doubled + "ed", doubled + "ing"


# "leaves", "means", "building", "meeting" and the like are nouns at least as often.
_NOUNS_AFTER_ALL = _words(
    "building buildings meeting feeling learning reading writing opening saving meaning beginning"
    " finding understanding setting leaves means shares tears needs walks visits reflects smiles"
    " increases watches washes presses folds measures promises offers wishes hopes uses"
)
VERBS = (frozenset(form for stem in _VERB_STEMS for form in _inflect(stem)) | frozenset(_IRREGULAR_VERBS)) - (
    _NOUNS_AFTER_ALL
)

DULL_WORDS = _words(
    "user users lol haha thing things way ways time times lot lots bit kind sort part parts people"
    " person man men woman women day days year years week weeks month months hour hours minute minutes"
    " moment place places point points side end start case cases fact facts number numbers name names"
    " word words example examples reason reasons question questions good great better best bad worse"
    " worst new old big small little large high low short full empty right wrong true false real nice"
    " sure certain possible different important main whole general common simple easy hard clear early"
    " late free dear fine recent various single extra right-hand left-hand hand hands head eye eyes"
    " face voice look looks life world something stuff guy guys everyone mind matter use uses change"
    " changes set level amount piece pieces order section page chapter item items step steps line"
    " lines list form type types group groups rest top bottom middle front morning evening afternoon"
    " night monday tuesday wednesday thursday friday saturday sunday january february march april may"
    " june july august september october november december movie film lot's he's won two-thirds"
    " available additional overall current specific particular following previous similar likely"
    " necessary"
)

STOP_WORDS: dict[str, frozenset[str]] = {
    "English": frozenset(_ENGLISH),
    "French": _words(
        "le la les un une des du de d l et ou mais donc or ni car que qui quoi dont où ce cet cette ces"
        " il elle ils elles on nous vous je tu me te se lui leur leurs mon ma mes ton ta tes son sa ses"
        " notre nos votre vos à au aux dans en par pour sur avec sans sous chez vers entre est sont était"
        " étaient être été ai as a avons avez ont avait avaient fait faire dit plus moins très bien pas ne"
        " n y si comme quand tout toute tous toutes même aussi encore puis alors c s j m t qu jamais rien"
        " peu trop après avant depuis pendant ainsi cela ça là ici peut doit"
    ),
    "German": _words(
        "der die das den dem des ein eine einen einem einer eines und oder aber denn sondern doch ich du"
        " er sie es wir ihr mich dich sich uns euch mir dir ihm ihn ihnen mein meine meinen meinem meiner"
        " dein deine sein seine seinen seinem seiner ihre ihren ihrem ihrer unser unsere ist sind war"
        " waren bin bist sein gewesen hat haben hatte hatten habe wird werden wurde wurden kann können"
        " konnte muss müssen soll will nicht kein keine keinen auch nur noch schon so wie als wenn dann"
        " dass ob weil da hier dort in im an am auf aus bei beim mit nach von vom vor zu zum zur über"
        " unter um durch für gegen ohne bis seit man was wer wo sehr mehr immer wieder etwas nichts alle"
        " alles viel viele diese dieser dieses diesem diesen jede jeder jedes einmal ganz gar mal nun"
        " war's damit"
    ),
    "Spanish": _words(
        "el la los las un una unos unas de del al y e o u pero sino que quien cual cuyo donde cuando como"
        " si no ni yo tú él ella nosotros ellos ellas usted ustedes me te se le les lo nos mi mis tu tus"
        " su sus nuestro nuestra nuestros es son era eran fue fueron ser sido está están estaba estaban"
        " estar ha han había habían he hay hace hacer hizo en por para con sin sobre entre hasta desde"
        " hacia según muy más menos también ya aún todavía siempre nunca este esta estos estas ese esa"
        " esos esas aquel aquella eso esto todo toda todos todas otro otra otros cada algo nada alguien"
        " mucho mucha muchos muchas poco después antes entonces porque así dijo tiene tenía puede"
    ),
    "Portuguese": _words(
        "o a os as um uma uns umas de do da dos das no na nos nas ao aos à às e ou mas que quem qual onde"
        " quando como se não nem eu tu ele ela nós eles elas você vocês me te lhe meu minha seu sua seus"
        " suas nosso nossa é são era eram foi foram ser está estão estava ter tem têm tinha há em por para"
        " com sem sobre entre até desde muito mais menos também já ainda sempre nunca este esta esse essa"
        " isso isto aquele aquela todo toda todos todas outro outra cada pelo pela pelos pelas num numa"
        " depois antes então porque assim"
    ),
    "Italian": _words(
        "il lo la i gli le un uno una di del della dello dei delle degli a al alla ai alle da dal dalla"
        " in nel nella nei nelle con su sul sulla per tra fra e ed o ma che chi cui dove quando come se"
        " non né io tu lui lei noi voi loro mi ti si ci vi mio mia suo sua suoi sue nostro nostra è sono"
        " era erano fu essere stato ha hanno aveva avere più meno molto anche già ancora sempre mai questo"
        " questa questi queste quello quella tutto tutti tutte ogni altro altra poi prima dopo allora"
        " perché così"
    ),
    "Dutch": _words(
        "de het een en of maar want dat die deze dit ik jij je hij zij ze wij we jullie u mij me hem haar"
        " ons hun mijn jouw zijn is was waren ben bent heeft hebben had hadden heb wordt worden werd kan"
        " kunnen moet zal niet geen ook nog al zo als dan toen wanneer omdat hier daar er in op aan uit"
        " bij met naar van voor over onder door tegen zonder tot om te wat wie waar zeer meer altijd weer"
        " iets niets alle alles veel"
    ),
    "Russian": _words(
        "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее её мне"
        " было вот от меня еще ещё нет о из ему теперь когда даже ну вдруг ли если уже или ни быть был"
        " него до вас опять уж вам ведь там потом себя ничего ей может они тут где есть надо ней для мы"
        " тебя их чем была сам чтоб без будто чего раз тоже себе под будет ж тогда кто этот того потому"
        " этого какой ним здесь этом один почти мой тем чтобы нее были куда зачем всех можно при об другой"
        " после над больше тот через эти нас про них какая много эту моя свою этой перед лучше том такой"
        " им более всегда всю между это очень который которая которые"
    ),
    "Arabic": _words(
        "في من على إلى الى عن مع هذا هذه ذلك تلك التي الذي الذين ما لا لم لن أن إن ان كان كانت يكون هو هي"
        " هم نحن أنا انت أنت كل بعض بين بعد قبل عند حتى ثم أو او و قد لقد كما حيث إذا اذا لكن غير به بها"
        " له لها فيها فيه منه منها عليه عليها إليه أي هناك هنا كيف متى لماذا منذ وهو وهي"
    ),
    "Hindi": _words(
        "का की के को में से पर और है हैं था थी थे हो होता होती होते कि यह वह ये वे इस उस इन उन एक नहीं तो"
        " भी ही ने कर करते करता करने किया गया गई गए जो तक साथ लिए अपने अपनी अपना कुछ कोई मैं हम तुम आप"
        " मेरे मेरी मेरा उनके उसके इसके रहा रही रहे जब तब फिर बहुत सब या लेकिन क्या कैसे क्यों वाले वाली"
        " वाला हुआ हुई हुए दिया लिया जाता जाती"
    ),
}
# What stands before a noun, in the languages that have such words.
ARTICLES: dict[str, frozenset[str]] = {
    "French": _words("le la les l un une des du au aux ce cet cette ces mon ma mes son sa ses notre votre leur leurs"),
    "Spanish": _words("el la los las un una unos unas del al este esta ese esa mi mis su sus nuestro nuestra"),
    "Portuguese": _words("o a os as um uma do da dos das no na nos nas ao pelo pela meu minha seu sua"),
    "Italian": _words("il lo la i gli le un uno una del della dei delle al alla nel nella dal dalla sul sulla suo sua"),
    "Dutch": _words("de het een deze dit die mijn zijn haar ons hun"),
}
# Characters of Chinese that join words rather than name things.
CHINESE_STOP_CHARACTERS = frozenset(
    "的了是在不我他她它你们这那有和就人都一上也很到说要去会着没看好自己么之与及其或但而且所以因为于把被让给对从向"
    "个些里下来过时还又再只才能可以后前中大小多少年两三四五六七八九十每次样得地吧吗呢啊呀想起出"
)

# Words that a rationale never repeats: coarse or abusive ones, and those of the written form itself.
UNQUOTABLE_STEMS = tuple(
    sorted(
        _words(
            "fuck shit cunt nigg fagg bitch whore slut wank twat retard kike gook trann jizz pussy blowjob"
            " asshole arsehole dickhead motherf bastard honky redneck hicks endoftext"
        )
    )
)
UNQUOTABLE_WORDS = _words(
    "fag fags hoe hoes ass asses arse cock cocks dick dicks tits boob boobs cum cums chink chinks"
    " spic spics coon coons dyke dykes paki pakis tard tards prostitute prostitutes piss crap porn sex"
    " penis vagina nude nudes think safe unsafe controversial im_start im_end"
)

# All that a rationale may name of a text that is not safe.
EVERYDAY_THINGS = _words(
    "account address alarm apartment appointment argument army aunt baby bag bakery balcony bank bar"
    " bathroom beach bed bedroom beer bicycle bike bill birthday block boat book boss bottle bread"
    " breakfast bridge brother bus business cabin cake camera camp campus captain car card carpet cash"
    " cat cellar chair child children choir church cinema city class classmates clerk clothes club"
    " coach coat coffee colleague colleagues college committee community company computer concert"
    " contract cook corner council country couple court cousin crew crowd customer customers dad dance"
    " daughter debt delivery desk diet dinner doctor dog dogs door doorbell drawer dream dress drink"
    " driver driveway editor election email employer engine evening exam factory family farm farmer"
    " father fence festival field fight film fire flat floor flowers food football forest forum friend"
    " friends fridge game games garage garden gate girl boy girls boys glass grandfather grandmother"
    " group guest guests hall harbour harbor hat hill holiday home horse hospital hotel house houses"
    " husband inheritance insurance island jacket job jewellery jewelry journey judge key keys kitchen"
    " ladder lady lake lamp landlord language laptop law lawyer lessons letter library lift loan lock"
    " locks luggage lunch machine mail manager market marriage meal meeting message messages mirror"
    " money mother motorbike mountain museum music necklace neighbour neighbours neighbor neighbors"
    " neighbourhood neighborhood nephew newspaper niece nurse office opinion orchestra parcel parents"
    " park parking party passenger password patient payment pension phone photo photos picture"
    " pictures plan plane police politics pool post prison prize product programme program project pub"
    " quarrel radio rain receipt referee refugees relatives religion rent restaurant river road roof"
    " room rooms rope sailor salary school screen sea secretary seller server shed ship shirt shoes"
    " shop shops shower singer sister soldier soldiers son song speech staircase stairs station stock"
    " storm story stranger strangers street student students suitcase summer supper table taxes taxi"
    " tea teacher team teenager telephone television tenant tenants theatre ticket tickets tool tools"
    " tourists town toy train transfer trial trip truck uncle uniform university van village villagers"
    " voters wallet wedding wife window windows wine winter workers workshop yard"
)
