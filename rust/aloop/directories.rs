// SPDX-License-Identifier: GPL-2.0

//! Cards that are made at run time, each by a directory of `/sys/kernel/config/snd-aloop/`.
//!
//! ```text
//!   mkdir studio          Directory: its attributes, with their defaults
//!   echo 1 >studio/live   Plan ──► platform device snd_aloop.studio ──► probe ──► Bound: the card
//!   echo 0 >studio/live   the device goes, Bound with it; who has the card open keeps what is left
//!   rmdir studio          the same, and the directory is gone
//! ```
//!
//! The devices have a driver of their own: that of the parameters' cards waits, when a device is
//! unbound, for those who have its card open. A shell that takes a card away must not.
//!
//! # What a probe is told
//!
//! A probe gets the device and nothing else. What its card is to be like is in the list of plans,
//! under the device's name; there it leaves what has become of it.
//!
//! # What outlives its directory
//!
//! A card that somebody has open when it is taken away (`Disconnected`) is kept in the list
//! `gone`, until it has been freed. A file that is open keeps the module in memory, but not to the
//! very end of its close; so the module waits for the cards in the list before it goes, which is
//! for a moment at most. Directories keep the module as well: an unload is refused while there is
//! one.
//!
//! # Locks
//!
//! Their order is in `Documentation/architecture.rst` ("Locks").
//!
//! Two who write to a directory at the same time come one after the other; so does who removes it
//! (configfs waits for those who write). Directories don't wait for each other.

use crate::{
    cable::Habits,
    card::{
        self,
        Config, //
    },
    hardware::HARDWARE,
    settings::{
        self,
        Attribute,
        Settings, //
    },
    source,
    units::Delta,
};
use alsa::{
    card::{
        Card,
        Disconnected,
        Registration, //
    },
    kext::{
        configfs::new_subsystem,
        global::GlobalMutex,
        platform::{
            self,
            Device, //
        },
    },
    pr_err_ratelimited, //
};
use core::fmt::Write;
use kernel::{
    acpi,
    configfs::{
        configfs_attrs,
        AttributeOperations,
        Group,
        GroupOperations,
        ItemType,
        Subsystem, //
    },
    device::Core,
    driver, new_mutex, of,
    page::PAGE_SIZE,
    platform as platform_bus,
    prelude::*,
    str::{
        CString,
        Formatter, //
    },
    sync::{
        Arc,
        Mutex,
        SetOnce, //
    },
};

/// The name of the driver. No device is called so.
const DRIVER: &CStr = c"snd_aloop_configfs";

/// What all directories have in common.
static CARDS: GlobalMutex<Cards> = GlobalMutex::new(Cards {
    plans: KVec::new(),
    bound: 0,
    gone: KVec::new(),
});

/// What a directory is made of; set when the module is loaded.
static DIRECTORY: SetOnce<&'static DirectoryType> = SetOnce::new();

type RootType = ItemType<Subsystem<Root>, Root>;

type DirectoryType = ItemType<Group<Directory>, Directory>;

struct Cards {
    /// Those of the directories that are live.
    plans: KVec<Arc<Plan>>,
    /// How many devices are bound. For each there is room in `gone`.
    bound: usize,
    /// The cards that have been taken away, and that somebody has open. (Some may have been closed
    /// since.)
    gone: KVec<Disconnected>,
}

/// What the card of a directory is to be like, and what has become of it.
#[pin_data]
struct Plan {
    /// The name of the platform device.
    device: CString,
    settings: Settings,
    /// No other lock is taken with this one held.
    #[pin]
    outcome: Mutex<Outcome>,
}

/// What has become of a plan.
#[derive(Clone, Copy)]
enum Outcome {
    /// The driver has not been asked, or the card has gone again.
    NoCard,
    /// There is a card, of this number.
    Card(i32),
    /// The driver could not make a card.
    Failed(Error),
}

impl Plan {
    /// Finds the plan for the device of that name.
    fn of(device: &CStr) -> Result<Arc<Self>> {
        let cards = CARDS.lock();
        let plan = cards.plans.iter().find(|plan| *plan.device == *device);
        Ok(plan.ok_or(ENODEV)?.clone())
    }

    /// Returns what has become of the plan.
    fn outcome(&self) -> Outcome {
        *self.outcome.lock()
    }

    /// Notes what has become of the plan.
    fn set_outcome(&self, outcome: Outcome) {
        *self.outcome.lock() = outcome;
    }
}

/// The directory of the directories, while the module is loaded.
///
/// Fields are dropped in the order in which they stand here: no directory can be made any more,
/// then the driver goes, and then what it has left.
pub(crate) struct Directories {
    _subsystem: Pin<KBox<Subsystem<Root>>>,
    _driver: Pin<KBox<driver::Registration<platform_bus::Adapter<Driver>>>>,
    _rest: Rest,
}

/// What has to be waited for before the module goes.
struct Rest;

impl Drop for Rest {
    fn drop(&mut self) {
        let mut cards = CARDS.lock();
        let gone = core::mem::take(&mut cards.gone);
        // A static is not dropped.
        cards.plans = KVec::new();
        drop(cards);
        drop(gone);
    }
}

impl Directories {
    /// Makes `/sys/kernel/config/snd-aloop`.
    pub(crate) fn new(module: &'static ThisModule) -> Result<Self> {
        const {
            assert!(
                *HARDWARE.channels.end() == settings::DIRECTORY_CHANNELS_MAX,
                "attributes allow what there is"
            );
        }
        let rest = Rest;
        // Nobody else uses it yet: nobody has to wait while it is initialised.
        drop(CARDS.lock());
        let driver = KBox::pin_init(driver::Registration::new(DRIVER, module), GFP_KERNEL)?;
        let (root, directory) = item_types();
        DIRECTORY.populate(directory);
        let subsystem = new_subsystem(c"snd-aloop", root, Root)?;
        Ok(Self {
            _subsystem: subsystem,
            _driver: driver,
            _rest: rest,
        })
    }
}

/// Returns the types of the directory of directories, and of a directory.
///
/// To be called once: each call writes the tables of attributes anew.
fn item_types() -> (&'static RootType, &'static DirectoryType) {
    // On Linux 7.2 the macro wants `THIS_MODULE`, which there is not on 7.3.
    #[allow(unused_imports)]
    use crate::*;

    let root = configfs_attrs! {
        container: Subsystem<Root>,
        data: Root,
        child: Directory,
        attributes: [],
    };
    let directory = configfs_attrs! {
        container: Group<Directory>,
        data: Directory,
        attributes: [
            id: 0,
            index: 1,
            name: 2,
            substreams: 3,
            channels_max: 4,
            device0_name: 5,
            device1_name: 6,
            direction: 7,
            pcm_notify: 8,
            wait_for_peer: 9,
            end_with_peer: 10,
            timer_source: 11,
            timer_slack: 12,
            live: 13,
            card: 14,
        ],
    };
    (root, directory)
}

/// The data of `/sys/kernel/config/snd-aloop`: none. (On Linux 7.2 callbacks don't find what there
/// is.)
struct Root;

#[vtable]
impl GroupOperations for Root {
    type Child = Directory;

    fn make_group(&self, name: &CStr) -> Result<impl PinInit<Group<Directory>, Error>> {
        let bytes = name.to_bytes();
        if !settings::is_directory(bytes) {
            pr_err_ratelimited!(
                "{name}: a directory's name is text of up to {} bytes\n",
                settings::DIRECTORY_MAX
            );
            return Err(EINVAL);
        }
        let item_type = DIRECTORY.copy().ok_or(ENODEV)?;
        let data = try_pin_init!(Directory {
            name: CString::try_from(name)?,
            state <- new_mutex!(State {
                settings: Settings::new(bytes),
                live: None,
            }),
        });
        Ok(Group::new(CString::try_from(name)?, item_type, data))
    }
}

/// A directory.
#[pin_data]
struct Directory {
    name: CString,
    #[pin]
    state: Mutex<State>,
}

/// What the mutex of a directory protects. Dropped with it, as soon as the directory is removed:
/// configfs keeps no reference for a file that is open.
struct State {
    settings: Settings,
    live: Option<Live>,
}

impl Directory {
    /// Returns the directory's name.
    ///
    /// (What is printed of a `CStr` is something else if there is more than ASCII in it.)
    fn name(&self) -> &str {
        // It is UTF-8, or it would not have been taken.
        self.name.to_str().unwrap_or("")
    }

    /// Says in the log what an attribute may be, and returns what the writer gets.
    fn refuse(&self, attribute: &str, allowed: &str, error: source::Error) -> Error {
        let name = self.name();
        pr_err_ratelimited!("{name}/{attribute}: allowed is {allowed}\n");
        match error {
            source::Error::Invalid | source::Error::Absent => EINVAL,
            source::Error::Range => ERANGE,
        }
    }

    fn show(&self, attribute: Attribute, page: &mut [u8]) -> Result<usize> {
        let mut to = Formatter::new(page);
        self.state.lock().settings.show(attribute, &mut to)?;
        Ok(to.bytes_written())
    }

    fn store(&self, attribute: Attribute, written: &[u8]) -> Result {
        let mut state = self.state.lock();
        if state.live.is_some() {
            return Err(EBUSY);
        }
        state
            .settings
            .set(attribute, written)
            .map_err(|error| self.refuse(attribute.name(), attribute.allowed(), error))
    }

    fn set_live(&self, written: &[u8]) -> Result {
        let on = settings::switch(written)
            .map_err(|error| self.refuse("live", settings::SWITCH_ALLOWED, error))?;
        let mut state = self.state.lock();
        if !on {
            state.live = None;
        } else if state.live.is_none() {
            state.live = Some(self.go_live(&state.settings)?);
        }
        Ok(())
    }

    /// Makes the card.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no identifier, `EEXIST` if another card has it, what the core returns.
    fn go_live(&self, settings: &Settings) -> Result<Live> {
        let Some(id) = &settings.id else {
            return Err(self.refuse("id", settings::ID_ALLOWED, source::Error::Invalid));
        };
        let name = self.name();
        if Card::by_id(id.as_bytes()).is_some() {
            pr_err_ratelimited!("{name}/live: there is another card of that id\n");
            return Err(EEXIST);
        }
        // A number with a dot before it is a slot of the parameters.
        let separator = if settings::is_number(name.as_bytes()) {
            ':'
        } else {
            '.'
        };
        let plan = try_pin_init!(Plan {
            device: CString::try_from_fmt(fmt!("snd_aloop{separator}{name}"))?,
            settings: *settings,
            outcome <- new_mutex!(Outcome::NoCard),
        });
        let plan = Listed::new(Arc::pin_init(plan, GFP_KERNEL)?)?;
        let device = Device::for_driver(&plan.0.device, DRIVER)?;
        match plan.0.outcome() {
            // The driver was not asked. (While the system is being suspended, none is.)
            Outcome::NoCard => Err(ENODEV),
            Outcome::Failed(error) => Err(error),
            Outcome::Card(_) => Ok(Live {
                _device: device,
                plan,
            }),
        }
    }
}

/// A card that is there. Dropped, it is taken away; the device goes first.
struct Live {
    _device: Device,
    plan: Listed,
}

/// A plan in the list.
struct Listed(Arc<Plan>);

impl Listed {
    fn new(plan: Arc<Plan>) -> Result<Self> {
        CARDS.lock().plans.push(plan.clone(), GFP_KERNEL)?;
        Ok(Self(plan))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        CARDS
            .lock()
            .plans
            .retain(|plan| !Arc::ptr_eq(plan, &self.0));
    }
}

macro_rules! attributes {
    ($($number:literal: $attribute:ident,)*) => {
        $(
            #[vtable]
            impl AttributeOperations<$number> for Directory {
                type Data = Self;

                fn show(directory: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
                    directory.show(Attribute::$attribute, page)
                }

                fn store(directory: &Self, written: &[u8]) -> Result {
                    directory.store(Attribute::$attribute, written)
                }
            }
        )*
    };
}

attributes! {
    0: Id,
    1: Index,
    2: Name,
    3: Substreams,
    4: ChannelsMax,
    5: Device0Name,
    6: Device1Name,
    7: Direction,
    8: PcmNotify,
    9: WaitForPeer,
    10: EndWithPeer,
    11: TimerSource,
    12: TimerSlack,
}

/// `live`.
#[vtable]
impl AttributeOperations<13> for Directory {
    type Data = Self;

    fn show(directory: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let mut to = Formatter::new(page);
        writeln!(to, "{}", u32::from(directory.state.lock().live.is_some()))?;
        Ok(to.bytes_written())
    }

    fn store(directory: &Self, written: &[u8]) -> Result {
        directory.set_live(written)
    }
}

/// `card`.
#[vtable]
impl AttributeOperations<14> for Directory {
    type Data = Self;

    fn show(directory: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let mut to = Formatter::new(page);
        let state = directory.state.lock();
        let outcome = state.live.as_ref().map(|live| live.plan.0.outcome());
        let number = match outcome {
            Some(Outcome::Card(number)) => number,
            None | Some(Outcome::NoCard | Outcome::Failed(_)) => -1,
        };
        writeln!(to, "{number}")?;
        Ok(to.bytes_written())
    }
}

/// The platform driver.
struct Driver;

impl platform_bus::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Bound;

    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = None;
    const ACPI_ID_TABLE: Option<acpi::IdTable<Self::IdInfo>> = None;

    fn probe<'bound>(
        device: &'bound platform_bus::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        probe(device)
    }
}

/// Makes the card of a device, by the plan of its name.
fn probe(device: &platform_bus::Device<Core<'_>>) -> Result<Bound> {
    let plan = Plan::of(device.as_ref().name())?;
    Bound::new(plan.clone())
        .and_then(|bound| bound.with_card(device))
        .inspect(|bound| {
            let card = bound.card.as_ref();
            plan.set_outcome(card.map_or(Outcome::NoCard, |card| Outcome::Card(card.number())));
        })
        .inspect_err(|&error| plan.set_outcome(Outcome::Failed(error)))
}

/// What belongs to a device that is bound to the driver. Dropped, the card is taken away, and who
/// has it open is not waited for.
struct Bound {
    plan: Arc<Plan>,
    card: Option<Registration>,
}

impl Bound {
    /// Counts a device that is bound, and makes room for its card among those that have gone.
    fn new(plan: Arc<Plan>) -> Result<Self> {
        let mut cards = CARDS.lock();
        cards.gone.retain(|card| !card.is_freed());
        let bound = cards.bound.saturating_add(1);
        cards.gone.reserve(bound, GFP_KERNEL)?;
        cards.bound = bound;
        Ok(Self { plan, card: None })
    }

    fn with_card(mut self, device: &platform_bus::Device<Core<'_>>) -> Result<Self> {
        let settings = &self.plan.settings;
        let id = settings.id.as_ref().ok_or(EINVAL)?;
        let [device0_name, device1_name] = &settings.device_names;
        let config = Config {
            id: Some(id.as_c_str()),
            index: settings.index.into(),
            name: settings.name.as_c_str(),
            device_names: [device0_name.as_c_str(), device1_name.as_c_str()],
            both_ways: settings.both_ways,
            substreams: settings.substreams,
            channels_max: settings.channels_max,
            notify: settings.pcm_notify,
            habits: Habits {
                wait_for_peer: settings.wait_for_peer,
                end_with_peer: settings.end_with_peer,
                timer_slack: Delta::from_micros(settings.timer_slack.into()),
            },
            timer_source: settings.timer_source.as_bytes(),
        };
        let card = card::make(
            device.as_ref(),
            &platform::owner(device),
            &config,
            fmt!(
                "{} at {}",
                settings.name.as_str(),
                self.plan.device.to_str()?
            ),
        )?;
        // The core makes up another if a card has come since the directory looked.
        let is_wanted = card.has_id(id.as_bytes());
        self.card = Some(card);
        if !is_wanted {
            return Err(EEXIST);
        }
        Ok(self)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.plan.set_outcome(Outcome::NoCard);
        let gone = self.card.take().map(Registration::disconnect);
        let mut cards = CARDS.lock();
        cards.bound = cards.bound.saturating_sub(1);
        if let Some(gone) = gone {
            // There is room, as for each that is bound. (Otherwise the card would be waited for.)
            let _ = cards.gone.push_within_capacity(gone);
        }
    }
}
