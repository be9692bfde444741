//! A parcel that is not whole: the machine may have packed it so. Only after it was packed again and again it is the work's.

use orch_git::*;

use crate::delivery::Case;
use crate::fixture::*;

#[test]
fn a_parcel_that_is_not_whole_is_packed_again_before_anybody_is_blamed() {
    let case = Case::new("");
    case.agent("echo work > new.txt");
    let (parcel, owns) = (case.world.parcel(&case.clone), |_: &str, _: bool| true);
    let pack = parcel.with_extension("parcel.pack");
    let whole = || {
        checked(case.world.pack(&case.clone, &case.start));
        std::fs::read(&pack).unwrap()
    };
    let take = |again| case.world.take_packed(&case.clone, (&task("ET-001"), 1), &case.start, &owns, again);
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    let forms: [(&str, Spoil); 4] = [
        ("words before it", |pack| [b"warning: the moon is full\n".to_vec(), pack].concat()),
        ("cut off", |pack| pack[..pack.len() / 2].to_vec()),
        ("a byte differs", |mut pack| {
            let at = pack.len() / 2;
            pack[at] ^= 0xff;
            pack
        }),
        ("something else", |_| b"Segmentation fault\n".to_vec()),
    ];
    for (name, spoil) in forms {
        let good = whole();
        std::fs::write(&pack, spoil(good)).unwrap();
        let taken = take(false);
        assert!(matches!(&taken, Err(Error::Unpacked { .. })), "{name}: {taken:?}");
        let settled = take(true).unwrap();
        assert!(settled.refused.len() == 1 && settled.head == case.start, "{name}: {settled:?}");
        whole();
        let taken = take(false).unwrap();
        let found = case.world.forge.read_file(&taken.head, &path("new.txt"), 99).unwrap();
        assert!(matches!(found, FileAt::File { .. }), "{name}: {found:?}");
    }
}
